# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be done to one member, and how one sees that it is done. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.member_status import MemberStatus
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_safety import can_confirm


@dataclass(frozen=True)
class Look:
    """One member at one moment: the cluster as Patroni reads it from the store, and the member's own word.

    Where one of them is missing, `silence` says why.
    """

    name: str
    cluster: ClusterState | None = None
    status: MemberStatus | None = None
    silence: str = ""

    @property
    def leads(self) -> bool:
        """True when it holds the leader's key."""
        return bool(self.cluster and self.cluster.leader and self.cluster.leader.name == self.name)

    @property
    def runs(self) -> bool:
        """True when its PostgreSQL answers queries."""
        return self.status is not None and self.status.is_running

    @property
    def serves(self) -> bool:
        """True when it does its part: it leads and acts so, or streams on the leader's timeline.

        That is the member's own word: what the store says of a member is as old as its last round.
        """
        if self.cluster is None or self.status is None:
            return False
        if self.leads:
            return self.status.serves_as_leader
        return (
            self.status.streams and self.status.timeline is not None and self.status.timeline == self.cluster.timeline
        )

    @property
    def cannot_rejoin(self) -> bool:
        """True when somebody leads, but it is down or does not follow, and Patroni is not about to change that."""
        if self.cluster is None or self.cluster.leader is None or self.status is None or self.leads:
            return False
        return self.status.is_lost or (self.runs and not self.serves)

    @property
    def described(self) -> str:
        """How it is, in a few words."""
        if self.status is None:
            return f"{self.name} does not tell: {self.silence}"
        beside = f", {self.status.replication_state}" if self.status.replication_state else ""
        leader = f"; the leader is on timeline {self.cluster.timeline}" if self.cluster and self.cluster.leader else ""
        timeline = f" on timeline {self.status.timeline}" if self.status.timeline else ""
        return f"{self.name} ({self.status.role}) is {self.status.state}{beside}{timeline}{leader}"


@dataclass(frozen=True)
class Wish:
    """What is wanted of one member. `state`: running, streaming, restarted, reloaded or reinitialized.

    `writes_may_wait`: let them, while the only standby that commits can wait for restarts.
    """

    state: str
    only_pending: bool = True
    allow_leader: bool = False
    writes_may_wait: bool = False


def plan_member(wish: Wish, look: Look) -> str:
    """The action that leads to the wish: restart, reload, reinitialize, or nothing. Raises Refused."""
    if wish.state == "restarted":
        return _restart(wish, look)
    if wish.state == "reinitialized":
        refuse_to_reinitialize(look)
        return "reinitialize"
    return "reload" if wish.state == "reloaded" else ""


def _restart(wish: Wish, look: Look) -> str:
    if wish.only_pending and look.status and not look.status.pending_restart:
        return ""
    if look.leads and not wish.allow_leader:
        raise Refused(
            f"{look.name} leads, and nobody could write while it restarts. Next: playbooks/switchover.yml first, or "
            "accept that: allow_leader=true"
        )
    if not wish.writes_may_wait and _is_last_to_confirm(look):
        raise Refused(
            f"{look.name} is the last standby that commits can wait for: writes would wait until it is back. "
            "Next: add a standby, or accept that: writes_may_wait=true"
        )
    return "restart"


def _is_last_to_confirm(look: Look) -> bool:
    """True when commits wait for it, and no other standby is there that could take its place."""
    member = look.cluster.member(look.name) if look.cluster else None
    if look.cluster is None or member is None or not member.is_synchronous:
        return False
    return not any(can_confirm(other) for other in look.cluster.members if other.name != look.name)


def refuse_to_reinitialize(look: Look) -> None:
    """Raise Refused where data would be lost, could not come back, or would keep commits waiting."""
    if look.leads:
        raise Refused(f"{look.name} leads: its data is the cluster's. Next: playbooks/switchover.yml, then run this")
    if look.status and look.status.is_primary:
        raise Refused(f"{look.name} runs as a primary: look why, before its data is thrown away")
    cluster = look.cluster
    if cluster is None or cluster.leader is None:
        raise Refused(f"{look.name} cannot be cloned anew: the cluster has no leader. Next: playbooks/failover.yml")
    synchronous = [member.name for member in cluster.members if member.is_synchronous]
    if synchronous == [look.name]:
        raise Refused(
            f"{look.name} is the only synchronous standby, and commits may wait for it. Next: let another one stream "
            "until Patroni makes it synchronous (playbooks/status.yml shows it)"
        )


def is_reached(wish: Wish, before: Look, look: Look) -> bool:
    """True when the member is as wished; `before` is from before the action."""
    if look.status is None:
        return False
    if wish.state == "running":
        return look.runs
    if wish.state in ("streaming", "reloaded"):
        return look.serves
    return look.serves and _is_settled(wish, before, look.status)


def _is_settled(wish: Wish, before: Look, after: MemberStatus) -> bool:
    """A restart that was wanted for a parameter only may have been somebody else's, or not be needed any more."""
    if wish.state == "restarted" and wish.only_pending:
        return not after.pending_restart
    return before.status is None or after.postmaster_started != before.status.postmaster_started
