# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloaded packages and package lists, kept from one set of hosts for the next."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from .folders import locked
from .shell import run

ARCHIVES = Path("var/cache/apt/archives")
LISTS = Path("var/lib/apt/lists")
LISTS_VALID = 24 * 3600.0  # seconds


@dataclass(frozen=True)
class PackageCache:
    """Packages serve every host of a suite; lists, named after the archive's address, only hosts of the same image."""

    folder: Path
    image: str

    @property
    def archives(self) -> Path:
        return self.folder / "archives"

    @property
    def lists(self) -> Path:
        """Its own time of change is when the host it came from last ran `apt-get update`."""
        return self.folder / f"lists-of-{self.image}"

    def lists_are_fresh(self, now: float) -> bool:
        return self.lists.exists() and now - self.lists.stat().st_mtime < LISTS_VALID

    def give(self, layer: Path) -> None:
        """Lay what we have into a new disk's writable layer.

        Packages are linked: apt replaces and removes them, but never writes into one, so hosts share them safely.
        Lists are copied: apt changes their times. Old ones are left out, so that the host fetches its own.
        """
        with locked(self.folder):
            target = _folder(layer, ARCHIVES)
            for package in self.archives.glob("*.deb"):
                _link(package, target / package.name)
            if self.lists_are_fresh(time.time()):
                target = _folder(layer, LISTS)
                _copy_files(self.lists, target)
                os.utime(target)

    def take(self, layer: Path) -> int:
        """Keep a host's new packages and its lists, if newer; return the number of packages taken."""
        with locked(self.folder):
            self.archives.mkdir(exist_ok=True)
            new = [deb for deb in (layer / ARCHIVES).glob("*.deb") if not (self.archives / deb.name).exists()]
            for package in new:
                _link(package, self.archives / package.name)
            self._take_lists(layer / LISTS)
            return len(new)

    def _take_lists(self, found: Path) -> None:
        if not any(found.glob("*_Packages*")):
            return
        if self.lists.exists() and self.lists.stat().st_mtime >= found.stat().st_mtime:
            return
        partial = self.lists.with_suffix(".part")
        run("rm", "-rf", partial)
        partial.mkdir()
        _copy_files(found, partial)
        os.utime(partial, (found.stat().st_atime, found.stat().st_mtime))
        run("rm", "-rf", self.lists)
        partial.rename(self.lists)


def _folder(layer: Path, name: Path) -> Path:
    """A folder of the layer with the permissions that its image has for it."""
    for part in [*reversed(name.parents), name]:
        (layer / part).mkdir(mode=0o755, exist_ok=True)
    return layer / name


def _copy_files(source: Path, target: Path) -> None:
    for path in source.iterdir():
        if path.is_file() and path.name != "lock":
            shutil.copy2(path, target / path.name)


def _link(source: Path, target: Path) -> None:
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:  # another file system
        partial = target.with_name(target.name + ".part")
        shutil.copy2(source, partial)
        partial.rename(target)
