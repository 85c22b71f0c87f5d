# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host as `host_info` describes it. Whatever it could not read, or says oddly, is None or empty here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

AMPLE = 10**9
"""MiB that stand for a size that nobody knows: no minimum is missed because of it."""


@dataclass(frozen=True)
class PortOwner:
    """Who listens on a TCP port; a process that cannot be seen is None."""

    pid: int | None
    process: str | None
    unit: str | None

    def __str__(self) -> str:
        unit = f" of {self.unit}" if self.unit else ""
        return f"{self.process or 'a process that cannot be seen'} (pid {self.pid or 'unknown'}){unit}"


@dataclass(frozen=True)
class Directory:
    """A data directory of PostgreSQL or etcd; `entries` are its first few names."""

    path: str = ""
    exists: bool = False
    empty: bool = True
    entries: tuple[str, ...] = ()
    version: str | None = None
    system_identifier: str | None = None
    wal_elsewhere: str | None = None
    has_member: bool = False

    @property
    def major(self) -> int | None:
        """The major version of PostgreSQL that made it; None where there is none, or one older than 10."""
        return int(self.version) if self.version and self.version.isdecimal() else None


@dataclass(frozen=True)
class Disk:
    """A file system: free space in MiB."""

    free_mb: int
    read_only: bool


@dataclass(frozen=True)
class Stamp:
    """What the last deployment wrote on the host; `ports` by service, empty where the release did not note them."""

    cluster: str | None = None
    version: str | None = None
    host: str | None = None
    members: tuple[str, ...] = ()
    postgresql_major: int | None = None
    ports: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Host:
    """A host that answered. Sizes in MiB, times in seconds."""

    name: str
    os_id: str
    os_release: tuple[str, ...]
    os_name: str
    arch: str
    container: bool
    hostname: str | None
    addresses: tuple[str, ...] | None
    memory_mb: int
    swap_mb: int
    glibc: str | None
    sysctls: Mapping[str, str | None]
    sysctl_writable: bool | None
    transparent_hugepages: str | None
    watchdog: bool | None
    ports: Mapping[int, PortOwner]
    data: Directory
    etcd_data: Directory
    refused_parameters: Mapping[str, str]
    disks: Mapping[str, Disk]
    stamp: Stamp | None
    patroni_scope: str | None
    ca_fingerprints: tuple[str, ...]
    ntp_synchronized: bool | None
    clock_offset: float | None
    clock_epoch: float | None


def parse_host(name: str, answer: Mapping[str, Any]) -> Host:
    """A host from the answer of `host_info`."""
    system, memory = _dict(answer.get("os")), _dict(answer.get("memory_mb"))
    releases = (_text(system.get(key)) for key in ("codename", "version_id"))
    return Host(
        name=name,
        os_id=_text(system.get("id")) or "unknown",
        os_release=tuple(release for release in releases if release),
        os_name=_text(system.get("pretty")) or "an unknown operating system",
        arch=_text(system.get("arch")) or "unknown",
        container=bool(_dict(answer.get("virtualization")).get("container")),
        hostname=_text(answer.get("hostname")),
        addresses=_texts(answer["addresses"]) if answer.get("addresses") is not None else None,
        memory_mb=_int(memory.get("total"), AMPLE),
        swap_mb=_int(memory.get("swap"), 0),
        glibc=_text(answer.get("glibc")),
        sysctls={str(key): _text(value) for key, value in _dict(answer.get("sysctls")).items()},
        sysctl_writable=_bool(answer.get("sysctl_writable")),
        transparent_hugepages=_text(answer.get("transparent_hugepages")),
        watchdog=_bool(answer.get("watchdog")),
        ports={_int(port, 0): _owner(owner) for port, owner in _dict(answer.get("ports")).items() if owner},
        data=_directory(answer.get("data_directory")),
        etcd_data=_directory(answer.get("etcd_data_directory")),
        refused_parameters={str(key): str(why) for key, why in _dict(answer.get("refused_parameters")).items()},
        disks={str(path): _disk(disk) for path, disk in _dict(answer.get("disks")).items()},
        stamp=_stamp(answer.get("release")),
        patroni_scope=_text(answer.get("patroni_scope")),
        ca_fingerprints=_texts(answer.get("ca_fingerprints")),
        ntp_synchronized=_bool(answer.get("ntp_synchronized")),
        clock_offset=_float(answer.get("clock_offset")),
        clock_epoch=_float(answer.get("clock_epoch")),
    )


def _owner(owner: object) -> PortOwner:
    known = _dict(owner)
    return PortOwner(_int(known.get("pid"), 0) or None, _text(known.get("process")), _text(known.get("unit")))


def _directory(directory: object) -> Directory:
    known = _dict(directory)
    return Directory(
        path=_text(known.get("path")) or "",
        exists=known.get("exists") is True,
        empty=known.get("empty") is not False,
        entries=_texts(known.get("entries")),
        version=_text(known.get("version")),
        system_identifier=_text(known.get("system_identifier")),
        wal_elsewhere=_text(known.get("wal_elsewhere")),
        has_member=known.get("has_member") is True,
    )


def _disk(disk: object) -> Disk:
    known = _dict(disk)
    return Disk(_int(known.get("free_mb"), AMPLE), known.get("read_only") is True)


def _stamp(stamp: object) -> Stamp | None:
    if not isinstance(stamp, Mapping):
        return None
    return Stamp(
        cluster=_text(stamp.get("cluster")),
        version=_text(stamp.get("version")),
        host=_text(stamp.get("host")),
        members=_texts(stamp.get("members")),
        postgresql_major=_int(stamp.get("postgresql_major"), 0) or None,
        ports={str(service): _int(port, 0) for service, port in _dict(stamp.get("ports")).items()},
    )


def _dict(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: object) -> tuple[str, ...]:
    """The texts of a list, or the keys of a dict."""
    return tuple(str(each) for each in value) if isinstance(value, (list, tuple, Mapping)) else ()


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value) else None


def _int(value: object, default: int) -> int:
    number = _float(value)
    return default if number is None else int(number)


def _float(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < 1e15 else None


def _bool(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
