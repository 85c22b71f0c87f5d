# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proxies of one cluster that pass on the sessions of another one of the inventory to the proxies of that one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.topology import (
    cluster_name,
    clusters,
    host_address,
    topology,
)

SHARED_WITH = "pgcluster_proxies_shared_with"
ENDPOINTS = ("rw", "ro", "pooled_rw", "pooled_ro")
LARGEST_PORT = 65535

Groups = Mapping[str, Sequence[str]]
Hostvars = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class PassedOn:
    """One endpoint of another cluster at a shared proxy.

    `port` is the proxy's own; `servers` are the other cluster's proxies as name -> address:port, and `networks` those
    from which somebody may come.
    """

    name: str
    port: int
    servers: Mapping[str, str]
    networks: Sequence[str]


@dataclass(frozen=True)
class Sharing:
    """A cluster whose proxies serve this one: these as name -> address, its virtual address, the ports of this one."""

    proxies: Mapping[str, str]
    vip: str
    ports: Mapping[str, int]

    @property
    def entrances(self) -> list[str]:
        """Where applications go."""
        return [self.vip] if self.vip else list(self.proxies.values())


def problems(groups: Groups, hostvars: Hostvars, host: str, shared_with: Any) -> list[str]:
    """Why the proxies of the cluster of *host* cannot be shared so, a sentence each."""
    if not isinstance(shared_with, Mapping):
        return [f"{SHARED_WITH} is no map from clusters to ports"]
    own = cluster_name(hostvars[host])
    others = [name for name in clusters(groups, hostvars) if name != own]
    found = []
    for name, ports in shared_with.items():
        if name not in others:
            known = f"one of {', '.join(others)}" if others else "there is none"
            found.append(f"{SHARED_WITH} names {name!r}, which is no other cluster of the inventory ({known})")
        elif not _proxies(groups, hostvars, name):
            found.append(f"{SHARED_WITH} names {name}, which has no host in the group proxy to pass sessions on to")
        elif _numbers(ports) is None:
            wanted = ", ".join(f"{endpoint}_port" for endpoint in ENDPOINTS)
            found.append(f"{SHARED_WITH} has to give {name} {wanted}, each a port from 1 to 65535, and nothing else")
    return found


def passed_on(groups: Groups, hostvars: Hostvars, shared_with: Mapping[str, Any]) -> list[PassedOn]:
    """What proxies that are shared so have to carry besides their own."""
    return [
        PassedOn(f"{name}-{endpoint.replace('_', '-')}", port, _servers(groups, hostvars, name, endpoint), networks)
        for name, ports in shared_with.items()
        for networks in [_networks(groups, hostvars, name)]
        for endpoint, port in (_numbers(ports) or {}).items()
    ]


def shared_by(groups: Groups, hostvars: Hostvars, name: str) -> dict[str, Sharing]:
    """Which clusters share their proxies with the cluster *name*, by their names."""
    found: dict[str, Sharing] = {}
    for host in groups.get("proxy", ()):
        mine = hostvars[host]
        shared_with = mine.get(SHARED_WITH)
        ports = _numbers(shared_with.get(name)) if isinstance(shared_with, Mapping) else None
        if ports and cluster_name(mine) not in (name, *found):
            vip = str(mine.get("pgcluster_vip") or "").partition("/")[0]
            found[cluster_name(mine)] = Sharing(topology(groups, hostvars, host).proxy, vip, ports)
    return found


def endpoints_elsewhere(
    endpoints: Mapping[str, Mapping[str, Any]], sharing: Mapping[str, Sharing], reached: Sequence[str] | None = None
) -> dict[str, dict[str, Any]]:
    """A cluster's own endpoints as they are found at the proxies of others; only where one of these was reached."""
    return {
        f"{endpoint}-at-{name}": {
            **own,
            "hosts": found.entrances,
            "port": found.ports[endpoint.replace("-", "_")],
            "purpose": f"{own['purpose']}, through {name}",
        }
        for name, found in sharing.items()
        if reached is None or found.proxies.keys() & set(reached)
        for endpoint, own in endpoints.items()
    }


def _numbers(ports: Any) -> dict[str, int] | None:
    """By endpoint; None where they are not what they have to be."""
    if not isinstance(ports, Mapping) or set(ports) != {f"{endpoint}_port" for endpoint in ENDPOINTS}:
        return None
    texts = {endpoint: str(ports[f"{endpoint}_port"]) for endpoint in ENDPOINTS}
    is_right = all(text.isdecimal() and 1 <= int(text) <= LARGEST_PORT for text in texts.values())
    return {endpoint: int(text) for endpoint, text in texts.items()} if is_right else None


def _proxies(groups: Groups, hostvars: Hostvars, name: str) -> list[str]:
    return [host for host in groups.get("proxy", ()) if cluster_name(hostvars[host]) == name]


def _networks(groups: Groups, hostvars: Hostvars, name: str) -> list[str]:
    """Those of its applications, and its proxies, which prove the way as a client."""
    proxies = _proxies(groups, hostvars, name)
    declared = (hostvars[host].get("pgcluster_client_networks") or () for host in proxies[:1])
    return [host_address(hostvars[host], host) for host in proxies] + [str(each) for some in declared for each in some]


def _servers(groups: Groups, hostvars: Hostvars, name: str, endpoint: str) -> dict[str, str]:
    proxies = _proxies(groups, hostvars, name)
    default = topology(groups, hostvars, proxies[0]).default_ports[endpoint] if proxies else 0
    ports = {host: hostvars[host].get(f"pgcluster_{endpoint}_port", default) for host in proxies}
    return {host: f"{host_address(hostvars[host], host)}:{port}" for host, port in ports.items()}
