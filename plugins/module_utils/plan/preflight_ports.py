# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that a cluster which runs cannot change: whoever is told later looks for the others at the former one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.host import Host
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.preflight import Case, Problem

ETCD = ("etcd_client", "etcd_peer")
POSTGRES = ("postgresql", "patroni")


def ports_changed(case: Case) -> Iterator[Problem]:
    """Of hosts with data of ours; before there is any, a port may still be corrected."""
    for host in case.members("etcd"):
        if case.is_ours(host) and host.etcd_data.has_member:
            yield from _changed(case, host, ETCD)
    for host in case.members("postgres"):
        if case.is_ours(host) and host.data.version is not None:
            yield from _changed(case, host, POSTGRES)


def _changed(case: Case, host: Host, services: Iterable[str]) -> Iterator[Problem]:
    """A stamp without ports is of a release that did not note them."""
    known = host.stamp.ports if host.stamp else {}
    for service in services:
        port, wanted = known.get(service), case.wish.lasting_ports.get(service)
        if port and wanted and port != wanted:
            variable = f"pgcluster_{service}_port"
            problem = f"{variable} is {wanted}, and the cluster was made with {port}: hosts would not find each other"
            remedy = f"set {variable} to {port} again; a port of a cluster that exists is not changed by a run"
            yield Problem(host.name, "ports_changed", problem, remedy)


RULES = (ports_changed,)
