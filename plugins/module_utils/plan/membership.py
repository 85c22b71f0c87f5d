# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which steps change the membership of etcd as wished, or why they would be unsafe. Pure.

Two rules hold after every step, whatever the wish: the voters that run now remain a majority of all voters, and at
most one registered member has not started. etcd enforces much of this itself (`strict-reconfig-check`), but says no
after the first of several steps, where a plan says no before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd import EtcdMember, EtcdState, hex_id

NOT_YET_KNOWN = 0  # the id of a member that a step will register


@dataclass(frozen=True)
class Wish:
    """How one member shall be. `wiped`: its data directory is empty, so that it can only join as a new one."""

    name: str
    peer_urls: tuple[str, ...] = ()
    present: bool = True
    wiped: bool = False
    as_learner: bool = True


@dataclass(frozen=True)
class Step:
    """One change. `action`: add, add_learner, remove, promote or update; `member_id` is 0 before it is added."""

    action: str
    name: str
    member_id: int
    peer_urls: tuple[str, ...]
    reason: str

    def facts(self) -> dict[str, Any]:
        """The step as a module returns it."""
        return {"action": self.action, "name": self.name, "peer_urls": list(self.peer_urls), "reason": self.reason}


@dataclass(frozen=True)
class MembershipPlan:
    """The steps in their order, and the members as they will be afterwards."""

    steps: tuple[Step, ...]
    after: tuple[EtcdMember, ...]


def plan_membership(state: EtcdState, wish: Wish) -> MembershipPlan:
    """The steps from `state` to `wish`; none when it is so already. Raises Refused when they would not be safe."""
    if wish.present and not wish.peer_urls:
        raise Refused(f"{wish.name} has no peer_urls: say where the other members shall reach it", member=wish.name)
    steps = _present(state, wish) if wish.present else _absent(state, wish)
    return MembershipPlan(tuple(steps), _follow(state, steps))


def initial_cluster(members: Sequence[EtcdMember], wish: Wish) -> str:
    """The text for etcd's `initial-cluster`: every member by its addresses.

    A member that never started has no name yet: the wished one gets its own, and any other a stand-in, since etcd
    compares the addresses alone.
    """
    names = {m.id: _name_of(m, wish) for m in members}
    return ",".join(f"{names[m.id]}={url}" for m in members for url in m.peer_urls)


def _name_of(member: EtcdMember, wish: Wish) -> str:
    if member.name:
        return member.name
    return wish.name if _same_urls(member, wish) else f"member-{hex_id(member.id)}"


def is_silent_learner(state: EtcdState, wish: Wish) -> bool:
    """True when the wished member has started, but as a learner that does not serve: it may just need a moment."""
    current = find(state.members, wish) if wish.present else None
    return current is not None and current.is_learner and current.started and not state.is_healthy(current)


def _present(state: EtcdState, wish: Wish) -> list[Step]:
    current = find(state.members, wish)
    if current is None:
        return [_add(wish, f"{wish.name} is not a member yet")]
    if wish.wiped and current.started:
        return _replace(state, current, wish)
    if is_silent_learner(state, wish):
        raise Refused(
            f"{wish.name} has started as a learner, but does not serve and so cannot vote: {state.of(current).error}. "
            "Next: look at its journal; if its data is lost, say so with wiped",
            member=wish.name,
        )
    steps = []
    if not _same_urls(current, wish):
        steps.append(_step("update", current, f"{wish.name} moves from {_urls(current.peer_urls)}", wish.peer_urls))
    if current.is_learner and state.is_healthy(current):
        steps.append(_step("promote", current, f"{wish.name} runs as a learner and shall vote"))
    return steps


def _absent(state: EtcdState, wish: Wish) -> list[Step]:
    current = find(state.members, wish)
    return [] if current is None else [_step("remove", current, f"{wish.name} shall be no member")]


def _replace(state: EtcdState, current: EtcdMember, wish: Wish) -> list[Step]:
    """A member that lost its data must not come back under its old id: it would vote twice in one term."""
    if state.of(current).status is not None:
        raise Refused(
            f"{wish.name} is said to have lost its data, but answers as a running member of the cluster: nothing is "
            "removed. If it shall be rebuilt, stop its etcd first.",
            member=wish.name,
        )
    removal = _step("remove", current, f"{wish.name} lost its data and cannot be the member {hex_id(current.id)} again")
    return [removal, _add(wish, f"{wish.name} joins again as a new member")]


def find(members: Sequence[EtcdMember], wish: Wish) -> EtcdMember | None:
    """The member that the wish is about: by name, or by address where it never started."""
    named = tuple(m for m in members if m.name == wish.name)
    if len(named) > 1:
        ids = ", ".join(hex_id(m.id) for m in named)
        raise Refused(
            f"{len(named)} members are called {wish.name} ({ids}): "
            "remove the wrong one with `etcdctl member remove ID`",
            member=wish.name,
        )
    at_urls = [m for m in members if set(m.peer_urls) & set(wish.peer_urls) and m not in named]
    if wish.present:
        _check_addresses(wish, [m for m in at_urls if m.started or named])
    candidates = [*named, *(m for m in at_urls if not m.started)]
    return candidates[0] if candidates else None


def _check_addresses(wish: Wish, others: Sequence[EtcdMember]) -> None:
    """Two members cannot share an address."""
    for other in others:
        raise Refused(
            f"the address {_urls(other.peer_urls)} of {wish.name} belongs to {other.label} already: "
            "check the inventory, or remove that member first",
            member=wish.name,
        )


def _follow(state: EtcdState, steps: Sequence[Step]) -> tuple[EtcdMember, ...]:
    """The members after the steps. Raises Refused where a step would break a rule."""
    if steps and len(state.healthy_voters) < state.quorum:
        raise Refused(
            f"etcd has no majority: {state.majority}. It can take no change of its members now; "
            "bring members back first, or restore from a snapshot if they are lost",
            problems=list(state.problems()),
        )
    members, running = state.members, {m.id for m in state.healthy_voters}
    for step in steps:
        members, running = _after(step, members, running)
        _check_majority(step, members, running)
        _check_unstarted(step, members)
    return members


def _after(step: Step, members: tuple[EtcdMember, ...], running: set[int]) -> tuple[tuple[EtcdMember, ...], set[int]]:
    """Members and running voters after one step."""
    if step.action == "remove":
        return tuple(m for m in members if m.id != step.member_id), running - {step.member_id}
    if step.action == "promote":
        promoted = tuple(replace(m, is_learner=False) if m.id == step.member_id else m for m in members)
        return promoted, running | {step.member_id}
    if step.action == "update":
        return tuple(replace(m, peer_urls=step.peer_urls) if m.id == step.member_id else m for m in members), running
    added = EtcdMember(NOT_YET_KNOWN, "", step.peer_urls, is_learner=step.action == "add_learner")
    return (*members, added), running


def _check_majority(step: Step, members: Sequence[EtcdMember], running: set[int]) -> None:
    voters = sum(not m.is_learner for m in members)
    if voters == 0:
        raise Refused(f"{step.name} is the last voter of etcd: without it there is no cluster", member=step.name)
    if len(running) <= voters // 2:
        advice = "; add it as a learner, which does not count" if step.action == "add" else "; bring members back first"
        raise Refused(
            f"to {step.action} {step.name} would leave {len(running)} running of {voters} voters, "
            f"and {voters // 2 + 1} are needed{advice}",
            member=step.name,
        )


def _check_unstarted(step: Step, members: Sequence[EtcdMember]) -> None:
    waiting = [m for m in members if not m.started]
    if step.action in ("add", "add_learner") and len(waiting) > 1:
        raise Refused(
            f"{waiting[0].label} is registered but never started: start or remove it before adding {step.name}",
            member=step.name,
        )
    learners = [m for m in members if m.is_learner]
    if step.action == "add_learner" and len(learners) > 1:
        raise Refused(
            f"{learners[0].label} is still a learner, and etcd takes one at a time: "
            f"promote it before adding {step.name}",
            member=step.name,
        )


def _add(wish: Wish, reason: str) -> Step:
    action = "add_learner" if wish.as_learner else "add"
    return Step(action, wish.name, NOT_YET_KNOWN, wish.peer_urls, reason)


def _step(action: str, member: EtcdMember, reason: str, peer_urls: tuple[str, ...] = ()) -> Step:
    return Step(action, member.label, member.id, peer_urls or member.peer_urls, reason)


def _same_urls(member: EtcdMember, wish: Wish) -> bool:
    return set(member.peer_urls) == set(wish.peer_urls)


def _urls(urls: Sequence[str]) -> str:
    return ",".join(urls)
