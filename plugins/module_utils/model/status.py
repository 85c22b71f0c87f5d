# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole picture of a cluster at one moment: Patroni, the consensus store, and what each host tells. Immutable."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_status import BackupStatus
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState, Member
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd import EtcdState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.following import Following
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.host_report import (
    GROUPS,
    Certificate,
    HostReport,
    Instance,
    Pooler,
    Proxy,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.volume import Volume

CLUSTER = "cluster"
ETCD = "etcd"
"""Stand for the subject of a finding that concerns the whole."""

# What of the hosts' reports is returned under which name, and for which hosts.
PARTS = {
    "proxies": ("haproxy", ("proxy",)),
    "poolers": ("poolers", ("proxy",)),
    "instances": ("postgres", ("postgres",)),
    "certificates": ("certificates", GROUPS),
    "volumes": ("volumes", ("postgres",)),
    "backups": ("backups", ("postgres",)),
    "following": ("following", ("postgres",)),
}

TRUE_WORDS = frozenset({"on", "true", "yes", "1"})  # as Patroni reads them


@dataclass(frozen=True)
class Limits:
    """From where on something is worth a word. Lags and what a slot keeps in bytes; `free_percent` of a file system."""

    lag_bytes: int = 16 * 1024 * 1024
    lag_seconds: float = 10.0
    waiting_clients: int = 10
    certificate_days: float = 30.0
    slot_bytes: int = 1024 * 1024 * 1024
    waiting_segments: int = 16
    following_seconds: float = 900.0
    free_percent: float = 10.0


@dataclass(frozen=True)
class Sync:
    """How commits wait for standbys.

    `mode`: async, sync or quorum; None where no Patroni told. `strict`: they wait even when no standby is there.
    """

    mode: str | None = None
    strict: bool = False
    standbys: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: Mapping[str, Any] | None, cluster: ClusterState | None) -> Sync:
        """From Patroni's dynamic configuration, and those members that it calls synchronous."""
        standbys = tuple(m.name for m in cluster.members if m.is_synchronous) if cluster else ()
        if config is None:
            return cls(standbys=standbys)
        wanted = str(config.get("synchronous_mode", "off")).lower()
        mode = wanted if wanted == "quorum" else "sync" if wanted in TRUE_WORDS else "async"
        strict = str(config.get("synchronous_mode_strict", "off")).lower() in TRUE_WORDS
        return cls(mode, strict and mode != "async", standbys)

    @property
    def is_wanted(self) -> bool:
        """True when Patroni shall keep synchronous standbys."""
        return self.mode in ("sync", "quorum")


@dataclass(frozen=True)
class Finding:
    """Something worth a word: about whom, what it is, and the next command."""

    subject: str
    problem: str
    next: str


@dataclass(frozen=True)
class Store:
    """The consensus store; no `state` where none of its servers answered, and then `unanswered` says why.

    `contradiction`: whose keys differ, where that was told.
    """

    state: EtcdState | None
    unanswered: Mapping[str, str] = field(default_factory=dict)
    contradiction: str = ""


@dataclass(frozen=True)
class Unfinished:
    """A restore of the cluster of this name that is under way, or was interrupted. `stopped`: the cluster, for it."""

    cluster: str
    target: str
    stopped: bool


@dataclass(frozen=True)
class Status:
    """Everything that is known. What was not asked for (`etcd`, `hosts`) is None or empty, and is not judged.

    `members` are the names that the cluster shall have. `hosts` are all its hosts by name; one that is silent has no
    report.
    """

    cluster: ClusterState | None
    unanswered: Mapping[str, str] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    sync: Sync = field(default_factory=Sync)
    synchronous: bool = False
    etcd: Store | None = None
    hosts: Mapping[str, HostReport] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    restore: Unfinished | None = None

    @property
    def leader(self) -> Member | None:
        """Who leads, in Patroni's eyes."""
        return self.cluster.leader if self.cluster else None

    @property
    def takes_writes(self) -> bool:
        """Somebody leads, and not a standby cluster, whose leader follows another cluster."""
        return self.leader is not None and self.leader.role == "leader"

    @property
    def is_standby(self) -> bool:
        """The cluster follows another one."""
        return self.leader is not None and self.leader.role == "standby_leader"

    @property
    def following(self) -> Following | None:
        """How far the leader of a standby cluster has come, where it told."""
        host = self.hosts.get(self.leader.name) if self.leader and self.is_standby else None
        return host.following if host else None

    @property
    def cluster_members(self) -> tuple[Member, ...]:
        """Those whom Patroni lists."""
        return self.cluster.members if self.cluster else ()

    @property
    def wants_synchronous(self) -> bool:
        """A synchronous standby is declared, by the caller or by Patroni's configuration, and writes are taken."""
        return (self.synchronous or self.sync.is_wanted) and not self.is_standby

    @property
    def silent_hosts(self) -> tuple[str, ...]:
        """The hosts that do not answer."""
        return tuple(name for name, host in self.hosts.items() if not host.answers)

    def is_silent(self, name: str) -> bool:
        """True for a host that is known not to answer."""
        return name in self.silent_hosts

    def hosts_of(self, group: str) -> tuple[str, ...]:
        """The hosts that do this: etcd, postgres or proxy."""
        return tuple(name for name, host in self.hosts.items() if group in host.groups)

    def standbys(self) -> Iterator[Member]:
        """The members that follow."""
        return (m for m in self.cluster_members if not m.is_leader)

    def proxies(self) -> Iterator[tuple[str, Proxy]]:
        """The proxies of the hosts that answer."""
        return ((name, host.proxy) for name, host in self.hosts.items() if host.proxy)

    def carriers(self) -> tuple[str, ...] | None:
        """Who carries the virtual address, of the hosts that answer; None where it has none, or nobody could tell."""
        told = {
            name: host.has_virtual_address for name, host in self.hosts.items() if host.has_virtual_address is not None
        }
        return tuple(name for name, has in told.items() if has) if told else None

    def poolers(self) -> Iterator[tuple[str, Pooler]]:
        """The poolers of the hosts that answer."""
        return ((name, pooler) for name, host in self.hosts.items() for pooler in host.poolers)

    def certificates(self) -> Iterator[tuple[str, Certificate]]:
        """The certificates of the hosts that answer."""
        return ((name, each) for name, host in self.hosts.items() for each in host.certificates)

    def instances(self) -> Iterator[tuple[str, Instance]]:
        """The PostgreSQL of each host that answers."""
        return ((name, host.instance) for name, host in self.hosts.items() if host.instance)

    def volumes(self) -> Iterator[tuple[str, Volume]]:
        """The file systems that hold the data of each member's host that answers."""
        return ((name, each) for name, host in self.hosts.items() for each in host.volumes)

    def backups(self) -> Iterator[tuple[str, BackupStatus]]:
        """What each member's host that answers tells of the backups."""
        return ((name, host.backups) for name, host in self.hosts.items() if host.backups)

    def facts(self) -> dict[str, Any]:
        """The picture as a module returns it; Patroni's part with the lags in seconds."""
        return {
            "cluster": self.cluster.facts() if self.cluster else None,
            "sync": {**asdict(self.sync), "standbys": list(self.sync.standbys)},
            "etcd": self.etcd.state.facts() if self.etcd and self.etcd.state else None,
            "silent_hosts": list(self.silent_hosts),
            **{key: self._told(part, groups) for key, (part, groups) in PARTS.items()},
        }

    def _told(self, part: str, groups: Collection[str]) -> dict[str, Any]:
        """One part of the reports, by host, as the hosts told it."""
        mine = (name for group in groups for name in self.hosts_of(group))
        return {name: self.hosts[name].told[part] for name in mine if self.hosts[name].answers}
