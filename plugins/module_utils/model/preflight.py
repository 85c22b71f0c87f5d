# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The question that preflight answers - what is wished, and what the hosts said - and a finding. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.host import Host, parse_host

CLUSTER = "cluster"
"""Stands for the host where a finding concerns them all."""

SEGMENT_MB = "16"
"""The size of WAL segments, unless initdb is told another one."""

OWN_UNITS = (
    "etcd.service",
    "patroni.service",
    "matriarch-guard.service",
    "haproxy.service",
    "pgbouncer@rw.service",
    "pgbouncer@ro.service",
    "keepalived.service",
)


@dataclass(frozen=True)
class Problem:
    """One finding. `severity` is refuse (nothing may be changed) or warn."""

    host: str
    id: str
    problem: str
    remedy: str
    severity: str = "refuse"


@dataclass(frozen=True)
class Wish:
    """What the inventory wants. Each group maps names to addresses. Sizes in MiB, times in seconds."""

    name: str
    etcd: Mapping[str, str]
    postgres: Mapping[str, str]
    proxy: Mapping[str, str]
    hosts_in_play: frozenset[str]
    ports: Mapping[str, tuple[int, ...]]
    lasting_ports: Mapping[str, int]
    postgresql_major: int
    vip: str
    protection: str
    ca_fingerprint: str
    secrets_present: bool
    collection_version: str
    supported: Mapping[str, tuple[str, ...]]
    offered: Mapping[str, int]
    minimum_memory_mb: int
    minimum_disk_mb: int
    controller_epoch: float | None
    development: bool
    client_networks: tuple[str, ...] | None
    units: tuple[str, ...]
    data_directory: str
    wal_directory: str
    restores_replicas: bool
    segment_mb: str

    @property
    def groups(self) -> Mapping[str, Mapping[str, str]]:
        return {"etcd": self.etcd, "postgres": self.postgres, "proxy": self.proxy}

    @property
    def addresses(self) -> dict[str, str]:
        """All hosts of the cluster with their addresses."""
        return {**self.etcd, **self.postgres, **self.proxy}


def parse_wish(wish: Mapping[str, Any]) -> Wish:
    """A wish from its dict.

    :raises KeyError: naming a word that every wish must have.
    """
    epoch = wish.get("controller_epoch")
    networks = wish.get("client_networks")
    groups = {group: {str(k): str(v or "") for k, v in wish[group].items()} for group in ("etcd", "postgres", "proxy")}
    return Wish(
        name=str(wish["name"]),
        **groups,
        hosts_in_play=frozenset(wish["hosts_in_play"]),
        ports={group: tuple(int(port) for port in ports) for group, ports in wish.get("ports", {}).items()},
        lasting_ports={str(service): int(port) for service, port in wish.get("lasting_ports", {}).items()},
        postgresql_major=int(wish["postgresql_major"]),
        vip=str(wish.get("vip") or ""),
        protection=str(wish["protection"]),
        ca_fingerprint=str(wish.get("ca_fingerprint") or ""),
        secrets_present=bool(wish["secrets_present"]),
        collection_version=str(wish["collection_version"]),
        supported={system: tuple(map(str, releases)) for system, releases in wish.get("supported", {}).items()},
        offered={str(release): int(major) for release, major in wish.get("offered", {}).items()},
        minimum_memory_mb=int(wish.get("minimum_memory_mb", 0)),
        minimum_disk_mb=int(wish.get("minimum_disk_mb", 0)),
        controller_epoch=None if epoch is None else float(epoch),
        development=bool(wish.get("development", False)),
        client_networks=None if networks is None else tuple(map(str, networks)),
        units=tuple(wish.get("units", OWN_UNITS)),
        data_directory=str(wish.get("data_directory") or ""),
        wal_directory=str(wish.get("wal_directory") or ""),
        restores_replicas=bool(wish.get("restores_replicas", False)),
        segment_mb=_segment_mb(wish.get("initdb", ())),
    )


def _segment_mb(initdb: Iterable[Any]) -> str:
    """The size of WAL segments that initdb is told, each of whose arguments is a word, or a name with its value."""
    for argument in initdb:
        told = argument.items() if isinstance(argument, Mapping) else [str(argument).partition("=")[::2]]
        for name, value in told:
            if name == "wal-segsize":
                return str(value)
    return SEGMENT_MB


@dataclass(frozen=True)
class Case:
    """The wish beside what the hosts said. `hosts` holds only those of the cluster that answered."""

    wish: Wish
    hosts: Mapping[str, Host]

    @property
    def unreachable(self) -> list[str]:
        """The hosts of the cluster that were asked and did not answer."""
        return [name for name in self.wish.addresses if name in self.wish.hosts_in_play and name not in self.hosts]

    @property
    def left_out(self) -> list[str]:
        """The hosts of the cluster that were not asked, because the play is limited."""
        return [name for name in self.wish.addresses if name not in self.wish.hosts_in_play]

    def members(self, group: str) -> Iterator[Host]:
        """The hosts of a group that answered."""
        return (self.hosts[name] for name in self.wish.groups[group] if name in self.hosts)

    def is_ours(self, host: Host) -> bool:
        """An earlier run of this cluster was here: its stamp, or Patroni's configuration, names the cluster."""
        return self.wish.name in (host.stamp.cluster if host.stamp else None, host.patroni_scope)

    @property
    def exists(self) -> bool:
        """Something of this cluster is there already: this is no first installation. (Its etcd may serve others.)"""
        return any(self.is_ours(host) for host in self.hosts.values())

    @property
    def uses_secrets(self) -> bool:
        """A host of ours holds data or a certificate. Before that, an interrupted first run left nothing to lock."""
        return any(
            self.is_ours(host) and (host.data.version is not None or host.ca_fingerprints)
            for host in self.hosts.values()
        )


def parse_case(wish: Mapping[str, Any], hosts: Mapping[str, Any]) -> Case:
    parsed = parse_wish(wish)
    answers = {name: hosts.get(name) for name in parsed.addresses}
    return Case(parsed, {name: parse_host(name, answer) for name, answer in answers.items() if answer})
