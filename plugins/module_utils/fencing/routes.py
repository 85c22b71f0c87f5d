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
    """From now on everything to that address fails at once; empty, or what the kernel says."""
    return _ip("replace", "unreachable", address, "proto", PROTOCOL)


def open_all() -> str:
    """Remove every such route, also one that was left by a process that died; empty, or what the kernel says."""
    return _ip("flush", "proto", PROTOCOL)


def _ip(*words: str) -> str:
    try:
        done = complete(["ip", "-4", "route", *words], seconds=SECONDS)
    except (CommandError, OSError) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip()
