# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signature by a key that signs once: nobody can add to the repository later."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from lab.shell import run

SIGNER = "Matriarch packages for tests"
PROGRAMS = ("gpg", "gpg-agent")  # Debian's packages have the same names


def sign(release: Path, signed: Path) -> str:
    """Write the signed copy; return the public key, armored. The private one ends with this call."""
    _install_what_is_missing()
    with tempfile.TemporaryDirectory() as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet", "--yes"]
        run(*gpg, "--passphrase", "", "--quick-generate-key", SIGNER, "ed25519", "sign", "never")
        run(*gpg, "--clearsign", "--output", signed, release)
        key = run(*gpg, "--armor", "--export", SIGNER)
        run("gpgconf", "--homedir", home, "--kill", "gpg-agent")
    return key


def _install_what_is_missing() -> None:
    if packages := [program for program in PROGRAMS if not shutil.which(program)]:
        run("apt-get", "-q", "update")
        run("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qy", "--no-install-recommends", "install", *packages)
