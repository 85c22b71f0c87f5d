# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab knows of one host, and keeps in its folder."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from .errors import LabError
from .subnet import FIRST_HOST, Subnet

RECORD = "host.json"


@dataclass(frozen=True)
class Record:
    """What is decided when a host is first named, and never changes."""

    octet: int
    suite: str
    image: str
    packages: str


@dataclass(frozen=True)
class Host:
    name: str
    folder: Path
    subnet: Subnet
    record: Record

    @property
    def address(self) -> str:
        return self.subnet.address(self.record.octet)

    @property
    def machine(self) -> str:
        """Names the host on this machine: short enough for an interface, unlike any host of another lab."""
        return f"{self.subnet.bridge}h{self.record.octet}"

    @property
    def port(self) -> str:
        """This machine's end of the host's cable; systemd-nspawn names it so."""
        return f"vb-{self.machine}"

    @property
    def relayed_port(self) -> str:
        """The port's name while a relay has its place."""
        return f"vr-{self.machine}"

    @property
    def root(self) -> Path:
        """The root file system, mounted or copied."""
        return self.folder / "root"

    @property
    def upper(self) -> Path:
        """What the host wrote over its image; absent when the disk is a plain copy."""
        return self.folder / "upper"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def ready(self) -> Path:
        """Exists once the disk is complete: a disk without it is made anew."""
        return self.folder / "ready"

    @property
    def console(self) -> Path:
        return self.folder / "console.log"

    @property
    def host_key(self) -> Path:
        return self.folder / "ssh_host_ed25519_key"


def check_name(kind: str, name: str) -> str:
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", name):
        raise LabError(f"{kind} name {name!r}: up to 63 lower-case letters, digits and inner hyphens, a letter first")
    return name


def load(folder: Path, subnet: Subnet) -> Host:
    return Host(folder.name, folder, subnet, Record(**json.loads((folder / RECORD).read_text())))


def load_all(folder: Path, subnet: Subnet) -> list[Host]:
    """Every host below a lab's folder, in the order of their addresses."""
    hosts = [load(record.parent, subnet) for record in folder.glob(f"*/{RECORD}")]
    return sorted(hosts, key=lambda host: host.record.octet)


def save(host: Host) -> None:
    host.folder.mkdir(parents=True, exist_ok=True)
    partial = host.folder / f"{RECORD}.part"
    partial.write_text(json.dumps(asdict(host.record)) + "\n")
    partial.rename(host.folder / RECORD)


def free_octet(hosts: list[Host]) -> int:
    taken = {host.record.octet for host in hosts}
    for octet in range(FIRST_HOST, 251):
        if octet not in taken:
            return octet
    raise LabError("all addresses .11 to .250 of the lab are taken; remove hosts with `down --purge NAME`")
