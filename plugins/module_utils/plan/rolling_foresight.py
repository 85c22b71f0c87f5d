# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a step of a rolling operation makes of a cluster when it goes well. Pure."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState, Member
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_input import (
    RESTART,
    Host,
    Situation,
    Wish,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_parameters import lowered
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_step import (
    DRAIN,
    RETURN,
    SWITCHOVER,
    Step,
)


def foresee(situation: Situation, wish: Wish, step: Step) -> Situation:
    """The situation afterwards."""
    host = situation.hosts[step.host]
    if step.action in (DRAIN, RETURN):
        return _with(situation, replace(host, drained=step.action == DRAIN))
    if step.action == SWITCHOVER:
        return _started(replace(situation, cluster=_handed_over(situation.cluster, step)), host, wish)
    etcd = situation.etcd
    if wish.action != RESTART and etcd.leader == host.name:
        etcd = replace(etcd, leader=None)
    return _started(replace(situation, etcd=etcd), replace(host, due=""), wish)


def _handed_over(cluster: ClusterState, step: Step) -> ClusterState:
    """Two members exchange their roles; the old leader is stopped and started by that, which serves a restart."""
    roles = {member.name: member.role for member in cluster.members}
    exchanged = {step.host: roles[step.to or ""], step.to or "": roles[step.host]}
    return replace(cluster, members=tuple(replace(m, role=exchanged.get(m.name, m.role)) for m in cluster.members))


def _started(situation: Situation, host: Host, wish: Wish) -> Situation:
    """Its PostgreSQL, if it has one, was started; a standby keeps for now what the leader has not lowered yet."""
    cluster = situation.cluster
    leader = cluster.leader
    kept = lowered(leader) if leader and leader.name != host.name else frozenset()

    def after(member: Member) -> Member:
        left = {name: change for name, change in member.pending_restart_reason.items() if name in kept}
        return replace(member, pending_restart=bool(left), pending_restart_reason=left)

    members = tuple(after(m) if m.name == host.name else m for m in cluster.members)
    now = None if host.started is None else max(host.started, wish.began)
    return _with(replace(situation, cluster=replace(cluster, members=members)), replace(host, started=now))


def _with(situation: Situation, host: Host) -> Situation:
    return replace(situation, hosts={**situation.hosts, host.name: host})
