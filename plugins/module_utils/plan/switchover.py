# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who shall lead next, and what stands in the way of a handover that is short and loses nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState, Member


@dataclass(frozen=True)
class Limits:
    """What is still short: bytes of lag, seconds of a transaction, WAL segments that wait for the archiver."""

    lag_bytes: int = 16 * 1024 * 1024
    transaction_seconds: float = 5.0
    unarchived_segments: int = 8


@dataclass(frozen=True)
class Blocker:
    """A reason not to begin. Its *code* is what a user accepts it by; *next* says what to do about it."""

    code: str
    problem: str
    next: str


@dataclass(frozen=True)
class Evidence:
    """What was found: *looks* by member, *poolers* by proxy (pool -> facts), silent hosts with the reason."""

    cluster: ClusterState
    looks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    poolers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    silent_members: Mapping[str, str] = field(default_factory=dict)
    silent_proxies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SwitchoverPlan:
    """Who hands over to whom; *others* are the standbys that will have to follow the new leader."""

    leader: str
    candidate: str
    candidate_host: str
    candidate_port: int
    others: tuple[str, ...]
    synchronous: bool
    reason: str
    blockers: tuple[Blocker, ...]

    @property
    def is_done(self) -> bool:
        """True when the wished leader leads already."""
        return self.leader == self.candidate

    def unaccepted(self, accepted: Sequence[str]) -> tuple[Blocker, ...]:
        """The blockers that the user has not accepted."""
        return tuple(blocker for blocker in self.blockers if blocker.code not in accepted)

    def facts(self) -> dict[str, Any]:
        """The plan as a module returns it."""
        return asdict(self)


def plan_switchover(evidence: Evidence, wished: str | None, limits: Limits) -> SwitchoverPlan:
    """The plan, with all its blockers. Raises Refused where there is nothing to plan with."""
    cluster = evidence.cluster
    leader = cluster.leader
    if leader is None:
        raise Refused("the cluster has no leader that could hand over. Next: ansible-playbook failover.yml --check")
    candidate, reason = _named(cluster, wished) if wished else _best(cluster)
    others = [m.name for m in cluster.members if m.name not in (leader.name, candidate.name) and m.is_up]
    blockers = () if candidate is leader else tuple(_blockers(evidence, leader, candidate, limits))
    return SwitchoverPlan(
        leader=leader.name,
        candidate=candidate.name,
        candidate_host=candidate.host or candidate.name,
        candidate_port=candidate.port or 5432,
        others=tuple(others),
        synchronous=any(m.is_synchronous for m in cluster.members),
        reason=reason,
        blockers=blockers,
    )


def _named(cluster: ClusterState, name: str) -> tuple[Member, str]:
    found = cluster.member(name)
    if found is None:
        names = ", ".join(member.name for member in cluster.members)
        raise Refused(f"{name!r} is no member of the cluster; its members: {names}")
    return found, "it leads already" if found is cluster.leader else "it was named"


def _best(cluster: ClusterState) -> tuple[Member, str]:
    """The standby that is fit, with synchronous ones first, then the least lag, then the user's priority."""
    fit = [member for member in cluster.members if not member.is_leader and _unfit(cluster, member) is None]
    if not fit:
        found = "; ".join(f"{m.name}: {_unfit(cluster, m)}" for m in cluster.members if not m.is_leader)
        found = found or "there is none but the leader"
        raise Refused(f"no member can take over: {found}. Next: ansible-playbook status.yml")
    best = min(fit, key=_rank)
    kind = "synchronous standby" if best.is_synchronous else "standby"
    lag = "unknown" if best.lag_bytes is None else f"{best.lag_bytes} bytes"
    return best, f"the {kind} with the least lag ({lag})"


def _rank(member: Member) -> tuple[bool, bool, int, int, str]:
    lag = member.lag_bytes
    return not member.is_synchronous, lag is None, lag or 0, -_priority(member), member.name


def _priority(member: Member) -> int:
    value = member.tags.get("failover_priority")
    return value if isinstance(value, int) else 1


def _unfit(cluster: ClusterState, member: Member) -> str | None:
    """Why a standby cannot lead, whoever wishes it."""
    if not member.is_up:
        return f"it is {member.state}"
    if member.timeline != cluster.timeline:
        return f"it is on timeline {member.timeline}, the leader on {cluster.timeline}"
    if member.tags.get("nofailover") or _priority(member) <= 0:
        return "its tags forbid it to lead"
    return None


def _blockers(evidence: Evidence, leader: Member, candidate: Member, limits: Limits) -> Iterator[Blocker]:
    yield from _about_candidate(evidence, candidate, limits)
    if evidence.cluster.paused:
        yield Blocker(
            "paused",
            "Patroni is paused: should the handover fail half-way, nobody takes over",
            "ansible-playbook maintenance.yml -e state=resumed",
        )
    for member in (leader, candidate):
        if member.name in evidence.silent_members:
            yield Blocker(
                "silent_member",
                f"{member.name} does not answer the operation: {evidence.silent_members[member.name]}",
                f"look at {member.name}: ansible-playbook status.yml",
            )
    if leader.name in evidence.looks:
        yield from _about_leader(leader.name, evidence.looks[leader.name], limits)
    yield from _about_poolers(evidence)


def _about_candidate(evidence: Evidence, candidate: Member, limits: Limits) -> Iterator[Blocker]:
    cluster, name = evidence.cluster, candidate.name
    unfit = _unfit(cluster, candidate)
    if unfit:
        yield Blocker("unfit", f"{name} cannot lead: {unfit}", "name another candidate, or mend it first: status.yml")
    elif any(m.is_synchronous for m in cluster.members) and not candidate.is_synchronous:
        yield Blocker(
            "not_synchronous",
            f"{name} is no synchronous standby: commits may be missing there",
            "name a synchronous standby, or none",
        )
    if candidate.lag_bytes is None and not unfit:
        yield Blocker("lag", f"how far {name} lags is unknown", "ansible-playbook status.yml")
    elif (candidate.lag_bytes or 0) > limits.lag_bytes:
        yield Blocker(
            "lag",
            f"{name} lags {candidate.lag_bytes} bytes behind; {limits.lag_bytes} are allowed",
            "wait until it has caught up, or name another candidate",
        )
    if candidate.pending_restart:
        waiting = ", ".join(candidate.pending_restart_reason) or "parameters"
        yield Blocker(
            "pending_restart",
            f"{name} waits for a restart ({waiting}) and would lead without it",
            "ansible-playbook rolling_restart.yml",
        )


def _about_leader(name: str, look: Mapping[str, Any], limits: Limits) -> Iterator[Blocker]:
    for found in look["transactions"]:
        yield Blocker(
            "long_transaction",
            f"{name}: a transaction of {found['user']} in {found['database']} ({found['application'] or 'no name'}, "
            f"{found['client'] or 'local'}, pid {found['pid']}) is {found['seconds']:.0f} s old",
            f"wait for it, or: SELECT pg_terminate_backend({found['pid']})",
        )
    for found in look["prepared_transactions"]:
        yield Blocker(
            "prepared_transaction",
            f"{name}: the prepared transaction {found['gid']!r} is {found['seconds']:.0f} s old",
            "have its transaction manager finish it; it survives a switchover, and so do its locks",
        )
    if look["base_backups"]:
        yield Blocker(
            "base_backup",
            f"{name}: {look['base_backups']} base backups are being taken from it",
            "wait for them; a switchover breaks them off",
        )
    if look["logical_walsenders"]:
        who = ", ".join(look["logical_walsenders"])
        yield Blocker(
            "logical_replication",
            f"{name}: changes are being decoded for {who}, for whom the stop waits",
            "stop these consumers, and see that their slots are failover slots",
        )
    if look["unarchived_segments"] > limits.unarchived_segments:
        yield Blocker(
            "archiver_backlog",
            f"{name}: {look['unarchived_segments']} WAL segments wait for the archiver",
            "see why archiving is behind: the stop waits for it",
        )


def _about_poolers(evidence: Evidence) -> Iterator[Blocker]:
    for proxy, reason in evidence.silent_proxies.items():
        yield Blocker(
            "silent_proxy",
            f"{proxy} cannot be told to hold its clients: {reason}",
            f"bring {proxy} back, or accept that its clients see errors",
        )
    for proxy, pools in evidence.poolers.items():
        for pool, facts in pools.items():
            if facts["paused"]:
                yield Blocker(
                    "paused_pooler",
                    f"the pool {pool} of {proxy} is paused already, by somebody else",
                    f"resume it: pgbouncer_pool on {proxy} with state: resumed",
                )
