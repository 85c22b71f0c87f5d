# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which member of etcd is treated next and whether that is safe. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd import Alarm, EtcdMember, EtcdState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd_storage import EtcdStorage

NOSPACE = "NOSPACE"

Storages = Mapping[int, EtcdStorage]
"""The databases of the members that answer, by the member's id."""


@dataclass(frozen=True)
class Step:
    """One change; `member` is the one that it is about, None where that is no member (any more)."""

    action: str
    reason: str
    member: EtcdMember | None = None
    alarm: Alarm | None = None

    def facts(self) -> dict[str, Any]:
        """The step as a module returns it."""
        return {"action": self.action, "member": self.member.label if self.member else None, "reason": self.reason}


def member_named(state: EtcdState, name: str) -> EtcdMember:
    """The one member of that name. Raises Refused where there is none, or several."""
    named = state.named(name)
    if len(named) != 1:
        known = ", ".join(m.label for m in state.members)
        raise Refused(f"{len(named)} members of etcd are called {name}, it has: {known}", member=name)
    return named[0]


def plan_defragmentation(
    state: EtcdState, storages: Storages, names: Collection[str], done: Collection[int], least_gain: int
) -> tuple[Step, ...]:
    """The members to defragment, the leader last: its followers wait for it, and clients for a majority.

    Those named, all where none is; without those done, and those whose file would shrink by less than `least_gain`
    bytes. Raises Refused unless each voter is healthy, for the treated one is silent meanwhile. That etcd is full is no
    obstacle, but a reason.
    """
    wished = [member_named(state, name) for name in names] or list(state.voters)
    left = [m for m in wished if m.id not in done and _unused(storages, m) >= least_gain]
    if not left:
        return ()
    _check_whole(state)
    order = sorted(left, key=lambda m: (m == state.leader, m.name, m.id))
    return tuple(Step("defragment", _why_defragment(state, storages[m.id], m), m) for m in order)


def _unused(storages: Storages, member: EtcdMember) -> int:
    """A member that does not tell is not left out, so that the plan is refused."""
    return storages[member.id].unused_bytes if member.id in storages else 2**63


def _why_defragment(state: EtcdState, storage: EtcdStorage, member: EtcdMember) -> str:
    share = f"{storage.unused_bytes} of the {storage.size_bytes} bytes of {member.name} are unused"
    if len(state.voters) == 1:
        return f"{share}; it is the only member, so that its clients wait"
    return f"{share}; it leads and so comes last" if member == state.leader else share


def _check_whole(state: EtcdState) -> None:
    """Raises Refused where something besides a full database is wrong."""
    silent = [m for m in state.voters if not state.is_healthy(m)]
    corrupt = [alarm for alarm in state.alarms if alarm.kind != NOSPACE]
    if silent or corrupt or state.leader is None:
        problems = [p for p in state.problems() if not p.endswith(f"alarm {NOSPACE}")]
        raise Refused(
            f"etcd is not whole, and a member that is defragmented serves nobody meanwhile: {'; '.join(problems)}. "
            "Next: cure that first (on the members named: journalctl -u etcd -n 50)",
            problems=problems,
        )


def plan_disarming(state: EtcdState, storages: Storages, quota_bytes: int) -> tuple[Step, ...]:
    """The alarms to take back, once their cause is gone. Raises Refused while it is not.

    `quota_bytes` counts where a member does not tell its own. etcd raises NOSPACE when the file reaches the quota,
    however little of it is used; a corrupt member must not vote again with the data it has.
    """
    registered = {m.id: m for m in state.members}
    if state.alarms and not state.leader:
        raise Refused(f"etcd takes no change now: {state.majority}", problems=list(state.problems()))
    for alarm in state.alarms:
        if alarm.kind != NOSPACE and alarm.member_id in registered:
            name = registered[alarm.member_id].label
            raise Refused(
                f"{name} has raised the alarm {alarm.kind}: its data differ from the others', and no member takes "
                f"requests until that is settled. Next: stop its etcd, `etcdctl member remove {alarm.member_id:x}` on "
                "another member, disarm, empty its data directory and run site.yml, which lets it join anew",
                member=name,
            )
    if any(alarm.kind == NOSPACE for alarm in state.alarms):
        for member in state.members:
            _check_space(member, storages.get(member.id), quota_bytes)
    return tuple(
        Step("disarm", f"the cause of the alarm {alarm.kind} is gone", registered.get(alarm.member_id), alarm)
        for alarm in state.alarms
    )


def _check_space(member: EtcdMember, storage: EtcdStorage | None, quota_bytes: int) -> None:
    if storage is None:
        raise Refused(
            f"{member.label} does not tell how full it is, and would raise the alarm again. Next: bring it back",
            member=member.label,
        )
    quota = storage.quota_bytes or quota_bytes
    if storage.size_bytes < quota:
        return
    full = f"the database of {member.label} takes {storage.size_bytes} bytes and the quota is {quota}"
    if storage.used_bytes < quota:
        raise Refused(f"{full}, but only {storage.used_bytes} are used. Next: defragment it", member=member.label)
    raise Refused(
        f"{full}, with {storage.used_bytes} in use. Next: compact and defragment; if that does not help, find out who "
        "writes so much, or raise etcd_quota_bytes and run site.yml",
        member=member.label,
    )


def plan_move(state: EtcdState, name: str) -> tuple[Step, ...]:
    """Which member gets the leadership: the named one, else the healthy voter whose log reaches furthest.

    None when it leads already. Raises Refused when it cannot lead, or nobody can hand over.
    """
    if state.leader is None:
        raise Refused(f"nobody leads etcd, so nobody can hand over: {state.majority}", problems=list(state.problems()))
    if name:
        target = member_named(state, name)
        if target not in state.healthy_voters:
            why = state.of(target).error or "it is a learner and does not vote yet"
            raise Refused(f"{name} cannot lead etcd: {why}", member=name)
        return () if target == state.leader else (_move(state.leader, target, "as asked"),)
    others = [m for m in state.healthy_voters if m != state.leader]
    if not others:
        raise Refused(f"no other healthy voter can take the leadership from {state.leader.name}: {state.majority}")
    best = max(others, key=lambda m: (_raft_index(state, m), m.name))
    return (_move(state.leader, best, "its log reaches furthest"),)


def _move(leader: EtcdMember, target: EtcdMember, why: str) -> Step:
    return Step("move_leader", f"from {leader.name} to {target.name}, {why}", target)


def _raft_index(state: EtcdState, member: EtcdMember) -> int:
    status = state.of(member).status
    return status.raft_index if status else -1


def snapshot_source(state: EtcdState, name: str) -> EtcdMember:
    """Whose database is saved: the named member's, else a healthy follower's, else the leader's. Raises Refused.

    A member without a majority may have fallen behind, and while one is corrupt none counts as healthy.
    """
    able = state.healthy_voters
    if name:
        member = member_named(state, name)
        if member not in able:
            raise Refused(f"{name} is no healthy voter: {'; '.join(state.problems([name]))}", member=name)
        return member
    if not able:
        raise Refused(f"no member can be saved: {'; '.join(state.problems())}", problems=list(state.problems()))
    return min(able, key=lambda m: (m == state.leader, m.name))
