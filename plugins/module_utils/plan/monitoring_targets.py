# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus asks, from the inventory: every exporter of every cluster, with labels that say whose it is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.topology import (
    cluster_name,
    etcd_name,
    host_address,
)

JOBS = ("node", "postgres", "pgbouncer", "haproxy", "patroni", "etcd")


@dataclass(frozen=True)
class Target:
    """One exporter. `labels` are on everything that it tells."""

    job: str
    address: str
    port: int
    labels: Mapping[str, str]

    def entry(self) -> dict[str, Any]:
        """As Prometheus' file_sd_config takes it."""
        return {"targets": [f"{self.address}:{self.port}"], "labels": dict(self.labels)}


def targets(
    groups: Mapping[str, Sequence[str]], hostvars: Mapping[str, Mapping[str, Any]], ports: Mapping[str, int]
) -> dict[str, list[dict[str, Any]]]:
    """The entries of each job, none where there is nobody; *ports* where a host's own variables say nothing else."""
    found = [each for host in _hosts(groups) for each in _of_host(groups, host, hostvars[host], ports)]
    return {job: [each.entry() for each in found if each.job == job] for job in JOBS}


def _hosts(groups: Mapping[str, Sequence[str]]) -> list[str]:
    return list(
        dict.fromkeys(h for group in ("postgres", "proxy", "etcd", "monitoring") for h in groups.get(group, ()))
    )


def _of_host(
    groups: Mapping[str, Sequence[str]], host: str, its: Mapping[str, Any], ports: Mapping[str, int]
) -> Iterator[Target]:
    def target(job: str, port: int, **labels: str) -> Target:
        return Target(job, host_address(its, host), port, {"cluster": cluster_name(its), "member": host, **labels})

    does = {group for group in ("etcd", "postgres", "proxy") if host in groups.get(group, ())}
    if str(its.get("monitoring_exporters", "auto")) != "never":
        yield target("node", ports["node"])
        if "postgres" in does:
            yield target("postgres", ports["postgres"])
        if "proxy" in does:
            yield target("haproxy", ports["haproxy"])
        if "proxy" in does and its.get("monitoring_poolers", "both") == "both":
            yield from (target("pgbouncer", ports[f"pgbouncer_{pool}"], pool=pool) for pool in ("rw", "ro"))
    if "postgres" in does:
        yield target("patroni", int(its.get("pgcluster_patroni_port", ports["patroni"])))
    if "etcd" in does:
        port = int(its.get("pgcluster_etcd_client_port", ports["etcd"]))
        yield target("etcd", port, cluster=etcd_name(its))
