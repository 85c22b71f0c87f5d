# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that prove they acted before they return; each has its undoing beside it."""

from __future__ import annotations

from collections.abc import Sequence

from . import cgroup, network, power
from .errors import LabError
from .host import Host
from .subnet import Subnet


def freeze(host: Host, *, vm: bool) -> None:
    """Stop every process. As a paused virtual machine (`vm`) not even the kernel answers: the cable is out, too."""
    _must_be_on(host)
    if vm:
        partition(host.subnet, [host])
    cgroup.of_host(host).freeze(True)


def thaw(host: Host) -> None:
    _must_be_on(host)
    if network.bridge_of(host.port) != host.subnet.bridge:
        heal(host.subnet, [host])
    cgroup.of_host(host).freeze(False)


def partition(subnet: Subnet, hosts: Sequence[Host]) -> None:
    """Put these hosts together on an island: no other hosts, no client, no way out."""
    for host in hosts:
        _must_be_on(host)
    island = network.island(subnet)
    for host in hosts:
        network.plug(host, island)
    network.remove_empty_islands(subnet)


def heal(subnet: Subnet, hosts: Sequence[Host]) -> None:
    for host in hosts:
        network.plug(host, subnet.bridge)
    network.remove_empty_islands(subnet)


def state(host: Host) -> str:
    """off, frozen, partitioned or on."""
    if not power.is_on(host):
        return "off"
    if cgroup.of_host(host).frozen():
        return "frozen"
    return "on" if network.bridge_of(host.port) == host.subnet.bridge else "partitioned"


def _must_be_on(host: Host) -> None:
    if not power.is_on(host):
        raise LabError(f"{host.name}: its process group is empty: the host is off; `start {host.name}` first")
