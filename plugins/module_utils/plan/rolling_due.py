# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who needs a turn in a rolling operation, and why. Pure."""

from __future__ import annotations

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState, Member
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_input import (
    POSTGRES,
    RESTART,
    Host,
    Situation,
    Wish,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_parameters import lowered, raised


def due(situation: Situation, wish: Wish) -> dict[str, str]:
    """The reason for each host that needs a turn now."""
    reasons = {host.name: _reason(situation.cluster, host, wish) for host in situation.hosts.values()}
    return {name: reason for name, reason in reasons.items() if reason}


def leader_goes_first(cluster: ClusterState) -> bool:
    """True when a value is lowered, and no standby has to raise another one before."""
    leader = cluster.leader
    standbys_first = any(raised(member) for member in cluster.members if member is not leader)
    return leader is not None and bool(lowered(leader)) and not standbys_first


def _reason(cluster: ClusterState, host: Host, wish: Wish) -> str:
    if wish.action != RESTART:
        return host.due
    member = cluster.member(host.name) if POSTGRES in host.roles else None
    if member is None or _waits_for_the_leader(cluster, member):
        return ""
    if wish.everybody and host.started is not None and host.started < wish.began:
        return "its PostgreSQL has not started since the operation began"
    names = ", ".join(sorted(member.pending_restart_reason))
    return f"a restart is pending{f' for {names}' if names else ''}" if member.pending_restart else ""


def _waits_for_the_leader(cluster: ClusterState, member: Member) -> bool:
    """True for a standby that would start with the leader's old values again, and has none of its own to raise."""
    return member is not cluster.leader and _leader_lowers(cluster) and not raised(member)


def _leader_lowers(cluster: ClusterState) -> bool:
    return cluster.leader is not None and bool(lowered(cluster.leader))
