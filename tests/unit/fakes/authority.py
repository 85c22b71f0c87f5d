# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate authorities, and the identities that they give to hosts."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.wire import Identity

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")


class Authority:
    """One that lives in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Python 3.13 insists on the usage of the authority's key.
        self._certify("ca", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, name: str) -> Identity:
        """For the host of that name, which has the addresses 127.0.0.1 to 127.0.0.3."""
        names = ",".join([f"DNS:{name}", *(f"IP:127.0.0.{number}" for number in (1, 2, 3))])
        signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE")
        self._certify(name, *signed, "-addext", f"subjectAltName={names}")
        certificate, key = (str(self.folder / f"{name}.{suffix}") for suffix in ("crt", "key"))
        return Identity(str(self.folder / "ca.crt"), certificate, key)

    def _certify(self, name: str, *options: str) -> None:
        files = ("-subj", f"/O=matriarch/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt")
        command = ["openssl", "req", "-x509", *KEY, *files, *options]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
