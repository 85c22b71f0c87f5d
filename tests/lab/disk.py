# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's disk: an overlay over its suite's image, or a plain copy where overlays cannot be had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .errors import LabError
from .host import Host
from .shell import Word, attempt, run


def create(host: Host, seed: Callable[[Path], None], settle: Callable[[], None]) -> None:
    """Make the disk anew unless it is complete; `seed` fills the writable layer first, `settle` works on the whole."""
    if host.ready.exists():
        attach(host)
        return
    detach(host)
    _remove(host.root, host.upper, host.work)
    for folder in (host.root, host.upper, host.work):
        folder.mkdir(parents=True)
    host.upper.chmod(0o755)
    seed(host.upper)
    if attempt(*_mount(host)).returncode == 0:
        settle()
    else:
        _remove(host.root, host.upper, host.work)
        run("cp", "-a", "--reflink=auto", host.record.image, host.root)
        seed(host.root)
        settle()
    host.ready.touch()


def attach(host: Host) -> None:
    """Have the root file system in place, as after a restart of this machine."""
    if host.upper.exists() and not host.root.is_mount():
        if not Path(host.record.image).exists():
            raise LabError(f"{host.name}: its image {host.record.image} is gone; `down --purge {host.name}`, then `up`")
        run(*_mount(host))


def detach(host: Host) -> None:
    while host.root.is_mount():
        run("umount", host.root)


def remove(host: Host) -> None:
    """Forget the host altogether."""
    detach(host)
    _remove(host.folder)


def layer(host: Host) -> Path:
    """Where the host's own files really lie: links from here reach the package cache."""
    return host.upper if host.upper.exists() else host.root


def _mount(host: Host) -> list[Word]:
    layers = f"lowerdir={host.record.image},upperdir={host.upper},workdir={host.work}"
    return ["mount", "-t", "overlay", host.machine, "-o", layers, host.root]


def _remove(*paths: Path) -> None:
    # Never through a mount: a lower layer belongs to everyone.
    run("rm", "-rf", "--one-file-system", *paths)
