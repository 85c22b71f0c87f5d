# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ssh key pairs of labs and hosts, and the list that tells them."""

from __future__ import annotations

from pathlib import Path

from .host import Host
from .shell import run


def ensure(path: Path, comment: str) -> Path:
    """A private key at this path; made once, its public half beside it."""
    if not path.with_suffix(".pub").exists():
        path.unlink(missing_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path)
    return path


def known_hosts(hosts: list[Host]) -> str:
    """We made the hosts' keys, so nobody needs to accept one on faith."""
    return "".join(f"{host.address},{host.name} {_public(host)}\n" for host in hosts if host.host_key.exists())


def _public(host: Host) -> str:
    return " ".join(host.host_key.with_suffix(".pub").read_text().split()[:2])
