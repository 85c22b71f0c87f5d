# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where one lab has its things, and which hosts it knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import host, subnet
from .errors import LabError
from .folders import Folders
from .host import Host
from .packages import PackageCache
from .subnet import Subnet


@dataclass(frozen=True)
class Place:
    name: str
    folders: Folders

    @property
    def folder(self) -> Path:
        return self.folders.state / self.name

    @property
    def key(self) -> Path:
        """The private key that root of every host accepts."""
        return self.folder / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def shared(self) -> Path:
        """What every host has at /srv/shared, like a file server's export. No host can be called so."""
        return self.folder / ".shared"

    def packages(self, of: Host) -> PackageCache:
        return PackageCache(self.folders.cache / of.record.suite, Path(of.record.image).name)

    def claim(self) -> Subnet:
        return subnet.claim(self.folders.state, self.name)

    def claimed(self) -> Subnet | None:
        return subnet.known(self.folders.state, self.name)

    def subnet(self) -> Subnet:
        if net := self.claimed():
            return net
        raise LabError(f"no lab {self.name} in {self.folders.state}; create it with `up NAME...`")

    def hosts(self) -> list[Host]:
        """Every host, in the order of the addresses; of a lab that is not there, none."""
        net = self.claimed()
        return host.load_all(self.folder, net) if net else []

    def some(self, *names: str) -> list[Host]:
        """These hosts, at least one."""
        known = {found.name: found for found in self.hosts()}
        if not names:
            raise LabError(f"lab {self.name}: name at least one host of {' '.join(known) or 'none'}")
        if unknown := [name for name in names if name not in known]:
            there = " ".join(known) or "none"
            raise LabError(f"lab {self.name}: no host {' '.join(unknown)}, it has {there}; create it with `up`")
        return [known[name] for name in names]

    def some_or_all(self, *names: str) -> list[Host]:
        return self.some(*names) if names else self.hosts()
