# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apt reads before the packages: Packages lists them, Release vouches for Packages."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from lab.shell import run

COMPONENT = "main"


def write(folder: Path, suite: str) -> Path:
    """Index pool/ and return the folder of the suite, whose Release is still to be signed."""
    architecture = run("dpkg", "--print-architecture").strip()
    top = folder / "dists" / suite
    packages = top / COMPONENT / f"binary-{architecture}" / "Packages"
    packages.parent.mkdir(parents=True)
    debs = sorted((folder / "pool").glob("*.deb"))
    packages.write_text("\n".join(_stanza(deb, folder) for deb in debs), encoding="ascii")
    (top / "Release").write_text(
        "Origin: Matriarch\n"
        "Label: packages for tests\n"
        f"Suite: {suite}\n"
        f"Codename: {suite}\n"
        f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S UTC', time.gmtime())}\n"
        f"Architectures: {architecture}\n"
        f"Components: {COMPONENT}\n"
        f"SHA256:\n {_sha256(packages)} {packages.stat().st_size} {packages.relative_to(top)}\n",
        encoding="ascii",
    )
    return top


def _stanza(deb: Path, folder: Path) -> str:
    return (
        f"{run('dpkg-deb', '--field', deb)}"
        f"Filename: {deb.relative_to(folder)}\n"
        f"Size: {deb.stat().st_size}\n"
        f"SHA256: {_sha256(deb)}\n"
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
