# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes on this host to hosts that have no power: nobody waits for an answer that cannot come."""

from __future__ import annotations

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import CommandError, complete

PROTOCOL = "186"
"""By which the kernel tells these routes from others; no routing daemon has that number."""

SECONDS = 5.0


def close(address: str) -> str:
    """From now on everything to that address fails at once; empty, or what the kernel says.

    A route changes nothing for who waits for an answer already: those connections are ended as well, where the kernel
    can do that (CONFIG_INET_DIAG_DESTROY).
    """
    problem = _run("ip", "-4", "route", "replace", "unreachable", address, "proto", PROTOCOL)
    return problem or _run("ss", "--kill", "--tcp", "--no-header", "dst", address)


def open_all() -> str:
    """Remove every such route, also one that was left by a process that died; empty, or what the kernel says."""
    return _run("ip", "-4", "route", "flush", "proto", PROTOCOL)


def _run(*words: str) -> str:
    try:
        done = complete(list(words), seconds=SECONDS)
    except (CommandError, OSError) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip()
