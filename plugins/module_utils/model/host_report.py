# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one host told of itself through the module host_status. Immutable; parsed once, here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_status import BackupStatus
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.following import Following
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.volume import Volume

GROUPS = ("etcd", "postgres", "proxy")
RUNS = "active"
LOST = "lost"
LEADER_BACKEND = "leader"
REPLICAS_BACKEND = "replicas"


@dataclass(frozen=True)
class Server:
    """One server of one backend of a HAProxy; `status` in HAProxy's words."""

    backend: str
    name: str
    status: str
    is_up: bool


@dataclass(frozen=True)
class Proxy:
    """The HAProxy of a host, or why it gave no answer (`error`)."""

    servers: tuple[Server, ...] = ()
    error: str = ""

    @property
    def leaders(self) -> tuple[str, ...]:
        """Where it sends writes."""
        return self._up(LEADER_BACKEND)

    @property
    def replicas(self) -> tuple[str, ...]:
        """Where it sends reads."""
        return self._up(REPLICAS_BACKEND)

    @property
    def nowhere_to_send(self) -> tuple[str, ...]:
        """Endpoints of other clusters that it carries, and for which it has no proxy of theirs."""
        carried = dict.fromkeys(s.backend for s in self.servers if s.backend not in (LEADER_BACKEND, REPLICAS_BACKEND))
        return tuple(backend for backend in carried if not self._up(backend))

    @property
    def taken_out(self) -> tuple[Server, ...]:
        """The servers that somebody took out of a backend."""
        return tuple(server for server in self.servers if server.status.startswith(("DRAIN", "MAINT")))

    def _up(self, backend: str) -> tuple[str, ...]:
        return tuple(s.name for s in self.servers if s.backend == backend and s.is_up)


@dataclass(frozen=True)
class Pooler:
    """One PgBouncer of a host by its endpoint's name; `waiting` clients wait for a connection; `error`: no answer."""

    name: str
    paused: bool = False
    active: int = 0
    waiting: int = 0
    error: str = ""


@dataclass(frozen=True)
class Certificate:
    """One certificate; `days_left` are full days, negative when it has expired."""

    path: str
    days_left: int
    not_after: str = ""


@dataclass(frozen=True)
class Slot:
    """A replication slot; `lost`: WAL that its reader needs is gone."""

    name: str
    active: bool
    lost: bool
    retained_bytes: int


@dataclass(frozen=True)
class Instance:
    """The PostgreSQL of a host as it tells itself. `lag_seconds`: how old its data is; None for a primary.

    `waiting_segments`: WAL that waits to be archived. `damaged_pages`: how often one was read, by database.
    """

    in_recovery: bool | None = None
    lag_seconds: float | None = None
    slots: tuple[Slot, ...] = ()
    archiving_fails: str = ""
    waiting_segments: int = 0
    damaged_pages: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class HostReport:
    """What a host is for (etcd, postgres, proxy), and what it told; a silent one told nothing.

    `instance`, `proxy`, `backups` and `following` are None where they were not asked, or there are none. `problems` are
    what else could not be found out. `outdated_units` run a program that has changed since. `has_virtual_address` is
    None where there is none. `told` is the report as it came.
    """

    groups: tuple[str, ...]
    answers: bool = False
    proxy: Proxy | None = None
    poolers: tuple[Pooler, ...] = ()
    has_virtual_address: bool | None = None
    certificates: tuple[Certificate, ...] = ()
    volumes: tuple[Volume, ...] = ()
    instance: Instance | None = None
    backups: BackupStatus | None = None
    following: Following | None = None
    stopped_units: Mapping[str, str] = field(default_factory=dict)
    outdated_units: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    told: Mapping[str, Any] = field(default_factory=dict)


def parse_reports(hosts: Mapping[str, Any]) -> dict[str, HostReport]:
    """The reports of all hosts, by name. Raises MatriarchError when one is none."""
    try:
        return {name: _host(host) for name, host in hosts.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MatriarchError(f"'hosts' holds something else than reports of host_status: {error!r}") from error


def _host(host: Mapping[str, Any]) -> HostReport:
    groups = tuple(group for group in GROUPS if host.get(group))
    told = host.get("report")
    if told is None:
        return HostReport(groups)
    reasons = dict(problem.partition(": ")[::2] for problem in told["problems"])
    poolers = tuple(_pooler(name, each, reasons) for name, each in told["poolers"].items())
    own = {"haproxy", *(f"pooler {each.name}" for each in poolers)}
    return HostReport(
        groups=groups,
        answers=True,
        proxy=_proxy(told["haproxy"], reasons),
        poolers=poolers,
        has_virtual_address=told["has_virtual_address"],
        certificates=tuple(Certificate(c["path"], c["days_left"], c["not_after"]) for c in told["certificates"]),
        volumes=tuple(map(Volume.parse, told["volumes"])),
        instance=_instance(told["postgres"]) if told["postgres"] else None,
        backups=BackupStatus.parse(told["backups"]) if told["backups"] else None,
        following=Following.parse(told["following"]) if told["following"] else None,
        stopped_units={unit: str(state) for unit, state in (told["units"] or {}).items() if state != RUNS},
        outdated_units=tuple(told["outdated_units"] or ()),
        problems=tuple(f"{part}: {reason}" for part, reason in reasons.items() if part not in own),
        told=told,
    )


def _proxy(servers: Iterable[Mapping[str, Any]] | None, reasons: Mapping[str, str]) -> Proxy | None:
    if servers is None:
        return Proxy(error=reasons["haproxy"]) if "haproxy" in reasons else None
    return Proxy(tuple(Server(s["backend"], s["name"], s["status"], s["is_up"]) for s in servers))


def _pooler(name: str, told: Mapping[str, Any] | None, reasons: Mapping[str, str]) -> Pooler:
    if told is None:
        return Pooler(name, error=reasons.get(f"pooler {name}", "no answer"))
    return Pooler(name, told["paused"], told["clients_active"], told["clients_waiting"])


def _instance(told: Mapping[str, Any]) -> Instance:
    slots = (Slot(s["name"], s["active"], s["wal_status"] == LOST, s["retained_bytes"] or 0) for s in told["slots"])
    archiver = told["archiver"]
    waiting = archiver["ready_files"] if archiver["enabled"] else 0
    return Instance(
        told["in_recovery"],
        told["replay_lag_seconds"],
        tuple(slots),
        _archiving(archiver),
        waiting,
        told["damaged_pages"],
    )


def _archiving(told: Mapping[str, Any]) -> str:
    if not (told["enabled"] and told["failing"]):
        return ""
    return f"{told['last_failed_wal']} could not be archived, {told['ready_files']} segments wait"
