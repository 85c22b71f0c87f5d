# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How hosts come to be, boot and go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from . import apt, cgroup, disk, host, identity, image, keys, network, power
from .errors import LabError
from .host import Host, Record
from .place import Place

PACKAGES = ("cached", "none")
Tell = Callable[[str], None]
T = TypeVar("T")


def create(place: Place, names: Sequence[str], suite: str | None, packages: str | None, tell: Tell) -> list[Host]:
    """The hosts of these names, their disks complete; those that are known keep what they are."""
    place.claim()
    hosts = [_named(place, name, suite, packages, tell) for name in dict.fromkeys(names)]
    login_key = keys.ensure(place.key, "matriarch-lab")
    parallel(lambda target: _make_disk(place, target, login_key), hosts)
    return hosts


def boot(place: Place, hosts: Sequence[Host]) -> None:
    """Switch on; also after a restart of this machine, when network and mounts are gone."""
    place.known_hosts.write_text(keys.known_hosts(place.hosts()))
    network.up(place.subnet())
    place.shared.mkdir(exist_ok=True)
    parallel(disk.attach, hosts)
    for target in hosts:
        power.on(target, place.shared)


def wait(place: Place, hosts: Sequence[Host], tell: Tell) -> None:
    def booted(target: Host) -> None:
        state = power.wait_until_booted(target, place.key, place.known_hosts)
        tell(f"{target.name} {target.address} {target.record.suite} {state}")

    parallel(booted, hosts)


def remove(target: Host, *, purge: bool) -> None:
    """Leave nothing of a host on this machine but, unless `purge`, its disk and its address."""
    power.cut(target)
    cgroup.of_host(target).remove()
    disk.detach(target)
    if purge:
        disk.remove(target)


def remove_network(place: Place) -> None:
    net = place.subnet()
    network.down(net)
    cgroup.of_lab(net).remove()
    cgroup.remove_top()


def parallel(act: Callable[[Host], T], hosts: Iterable[Host]) -> list[T]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(act, hosts))


def _named(place: Place, name: str, suite: str | None, packages: str | None, tell: Tell) -> Host:
    """The host of this name, known from now on."""
    known = place.hosts()
    for found in known:
        if found.name == name:
            _refuse_change(found, suite=suite, packages=packages)
            return found
    wanted = suite or "trixie"
    if wanted not in apt.SUITES:
        raise LabError(f"{name}: suite {wanted!r} is unknown; choose one of {', '.join(apt.SUITES)}")
    built = image.ensure(place.folders.cache, wanted, tell)
    record = Record(host.free_octet(known), wanted, str(built), packages or PACKAGES[0])
    new = Host(host.check_name("host", name), place.folder / name, place.subnet(), record)
    host.save(new)
    return new


def _refuse_change(found: Host, **wanted: str | None) -> None:
    for what, value in wanted.items():
        has = getattr(found.record, what)
        if value not in (None, has):
            undo = f"`down --purge {found.name}`"
            raise LabError(f"{found.name}: asked for {what} {value}, but it was created with {has}; {undo} first")


def _make_disk(place: Place, target: Host, login_key: Path) -> None:
    host_key = keys.ensure(target.host_key, target.name)

    def seed(layer: Path) -> None:
        if target.record.packages == "cached":
            place.packages(target).give(layer)

    disk.create(target, seed, lambda: identity.settle(target, host_key, login_key))
