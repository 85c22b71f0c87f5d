# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts of the inventory belong to a cluster, and what each one does. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

DEFAULT_NAME = "main"
GROUPS = ("postgres", "proxy", "etcd")


@dataclass(frozen=True)
class Topology:
    """The hosts of one cluster by what they do; each map is name -> address, in the inventory's order."""

    name: str
    etcd: dict[str, str]
    postgres: dict[str, str]
    proxy: dict[str, str]

    @property
    def hosts(self) -> list[str]:
        """The cluster's own come before an etcd that it may share: the first that answers speaks for the cluster."""
        return list({**self.postgres, **self.proxy, **self.etcd})

    @property
    def colocated(self) -> bool:
        """A proxy shares its host with PostgreSQL, which owns port 5432 there."""
        return bool(self.postgres.keys() & self.proxy.keys())

    @property
    def default_protection(self) -> str:
        """What can be promised without stopping writes when one data host is away."""
        return {0: "async", 1: "async", 2: "balanced"}.get(len(self.postgres), "zero_loss")

    @property
    def default_ports(self) -> dict[str, int]:
        """Where the proxies answer unless told otherwise."""
        rw, ro = (5000, 5001) if self.colocated else (5432, 5433)
        return {"rw": rw, "ro": ro, "pooled_rw": 6432, "pooled_ro": 6433}

    def as_dict(self) -> dict[str, Any]:
        derived = {name: getattr(self, name) for name in ("hosts", "colocated", "default_protection", "default_ports")}
        return {**asdict(self), **derived}


def topology(groups: Mapping[str, Sequence[str]], hostvars: Mapping[str, Mapping[str, Any]], host: str) -> Topology:
    """The cluster that *host* belongs to.

    PostgreSQL hosts and proxies belong together by C(pgcluster_name), etcd members by C(pgcluster_etcd_name),
    so that several clusters of one inventory may share an etcd. Members come from the inventory's groups and
    never from the hosts of the play: C(--limit) must not make a cluster look smaller than it is.
    """
    # Ansible puts the variables of a host together anew each time when they are asked for.
    told = {name: hostvars[name] for name in {host, *_hosts(groups)}}

    def members(group: str, identity: Callable[[Mapping[str, Any]], str]) -> dict[str, str]:
        mine = identity(told[host])
        names = [name for name in groups.get(group, ()) if identity(told[name]) == mine]
        return {name: host_address(told[name], name) for name in names}

    return Topology(
        cluster_name(told[host]),
        members("etcd", etcd_name),
        members("postgres", cluster_name),
        members("proxy", cluster_name),
    )


def clusters(groups: Mapping[str, Sequence[str]], hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """The inventory's clusters by their names, each with the hosts that belong to it alone: an etcd that is shared, and
    has the name of no cluster, is nobody's."""
    data = dict.fromkeys(cluster_name(hostvars[host]) for host in groups.get("postgres", ()))
    owners = {host: cluster_name(hostvars[host]) for host in _hosts(groups, "monitoring")}
    return {name: [host for host, owner in owners.items() if owner == name] for name in data}


def _hosts(groups: Mapping[str, Sequence[str]], *more: str) -> list[str]:
    return list(dict.fromkeys(host for group in (*GROUPS, *more) for host in groups.get(group, ())))


def cluster_name(host: Mapping[str, Any]) -> str:
    """By its variables."""
    return str(host.get("pgcluster_name", DEFAULT_NAME))


def etcd_name(host: Mapping[str, Any]) -> str:
    """By its variables; that of the cluster unless it is shared."""
    return str(host.get("pgcluster_etcd_name", cluster_name(host)))


def host_address(host: Mapping[str, Any], name: str) -> str:
    """Where others reach it."""
    return str(host.get("pgcluster_address", host.get("ansible_host", name)))
