# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bare Debian machine lacks for a lab."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from .errors import LabError

PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "nsenter": "util-linux",
    "mount": "mount",
}
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def missing() -> list[str]:
    packages = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    return packages if KEYRING.exists() else [*packages, "debian-archive-keyring"]


def check() -> None:
    if packages := missing():
        raise LabError(f"this machine lacks {', '.join(packages)}; run `python3 tests/lab install-prerequisites`")


def install() -> list[str]:
    """Install what is missing with apt; return its names. Nothing missing: nothing is asked of the archive."""
    packages = missing()
    if packages:
        _apt_get("update")
        _apt_get("install", "-y", "--no-install-recommends", *packages)
    return packages


def _apt_get(*words: str) -> None:
    command = ["apt-get", "-q", *words]
    status = subprocess.run(command, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, check=False).returncode
    if status:
        raise LabError(f"{' '.join(command)}: exit {status}; its own words are above")
