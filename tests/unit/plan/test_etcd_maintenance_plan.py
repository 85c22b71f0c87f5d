# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd import (
    Alarm,
    EndpointStatus,
    EtcdMember,
    EtcdState,
    Seen,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd_storage import EtcdStorage
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.etcd_maintenance import (
    plan_defragmentation,
    plan_disarming,
    plan_move,
    snapshot_source,
)

QUOTA = 1000


def state_of(*specs: str, leader: int = 1, alarms: tuple[Alarm, ...] = ()) -> EtcdState:
    """A cluster from words: "a" runs, "b down" is silent, "c learner" does not vote. Members have the ids 1, 2, ..."""
    members, seen = [], {}
    for number, spec in enumerate(specs, start=1):
        name, *traits = spec.split()
        members.append(EtcdMember(number, name, (f"https://{name}:2380",), is_learner="learner" in traits))
        if "down" not in traits:
            seen[number] = Seen(EndpointStatus(number, 9, "3.5.16", leader, 900, 2, 40 + number), serves=leader != 0)
    return EtcdState(9, tuple(members), seen, alarms)


def storages(state: EtcdState, size: int = 900, used: int = 300, quota: int = 0) -> dict[int, EtcdStorage]:
    return {m.id: EtcdStorage(m.id, 50, size, used, quota) for m in state.members if m.id in state.seen}


def names(steps: tuple) -> list[str]:
    return [step.member.label for step in steps]


@pytest.mark.parametrize(
    ("state", "wished", "done", "order"),
    [
        (state_of("a", "b", "c"), [], [], ["b", "c", "a"]),
        (state_of("a", "b", "c", leader=2), [], [], ["a", "c", "b"]),
        (state_of("a", "b", "c"), [], [2], ["c", "a"]),
        (state_of("a", "b", "c"), ["a", "c"], [], ["c", "a"]),
        (state_of("a", "b", "c"), ["a"], [1], []),
        (state_of("a", "b", "c", "d learner"), [], [], ["b", "c", "a"]),
        (state_of("a"), [], [], ["a"]),
        (state_of("a", "b", "c", alarms=(Alarm(1, "NOSPACE"),)), [], [], ["b", "c", "a"]),
    ],
)
def test_the_leader_is_defragmented_last(state: EtcdState, wished: list, done: list, order: list) -> None:
    assert names(plan_defragmentation(state, storages(state), wished, done, 1)) == order


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (state_of("a", "b", "c down"), "c does not answer"),
        (state_of("a", "b", "c", leader=0), "no leader"),
        (state_of("a", "b", "c", leader=9), "no leader"),
        (state_of("a", "b", "c", alarms=(Alarm(2, "CORRUPT"),)), "b has raised the alarm CORRUPT"),
        (state_of("a", "b", "x", "x"), "2 members of etcd are called x"),
    ],
)
def test_a_cluster_that_is_not_whole_is_not_defragmented(state: EtcdState, reason: str) -> None:
    wished = ["x"] if state.named("x") else []
    with pytest.raises(Refused, match=reason):
        plan_defragmentation(state, storages(state), wished, [], 1)


def test_what_gains_nothing_is_left_alone_even_where_a_member_is_silent() -> None:
    state = state_of("a", "b", "c down")
    assert plan_defragmentation(state, storages(state), ["a", "b"], [], 601) == ()


def test_a_member_without_a_size_is_not_taken_for_a_small_one() -> None:
    state = state_of("a", "b", "c down")
    with pytest.raises(Refused):
        plan_defragmentation(state, storages(state), [], [], 601)


def test_however_the_leader_moves_each_member_is_defragmented_once_while_all_are_well() -> None:
    chance = random.Random(20262)
    for _case in range(500):
        count = chance.randint(1, 5)
        done: list[int] = []
        for _step in range(count):
            state = state_of(*"abcde"[:count], leader=chance.randint(1, count))
            steps = plan_defragmentation(state, storages(state), [], done, 1)
            assert [s.member.id == state.leader.id for s in steps if s.member and state.leader][:-1].count(True) == 0
            done.append(steps[0].member.id if steps[0].member else 0)
        assert sorted(done) == list(range(1, count + 1))
        assert plan_defragmentation(state_of(*"abcde"[:count]), {}, [], done, 1) == ()


FULL = (Alarm(1, "NOSPACE"), Alarm(2, "NOSPACE"))


@pytest.mark.parametrize(
    ("size", "used", "told_quota", "reason"),
    [
        (900, 300, 0, ""),
        (1000, 300, 0, "but only 300 are used. Next: defragment it"),
        (1000, 300, 1001, ""),
        (900, 300, 800, "the quota is 800"),
        (1200, 1000, 0, "with 1000 in use. Next: compact and defragment"),
    ],
)
def test_an_alarm_is_taken_back_once_there_is_space(size: int, used: int, told_quota: int, reason: str) -> None:
    state = state_of("a", "b", "c", alarms=FULL)
    found = storages(state, size, used, told_quota)
    if not reason:
        assert [step.alarm for step in plan_disarming(state, found, QUOTA)] == list(FULL)
        return
    with pytest.raises(Refused, match=reason):
        plan_disarming(state, found, QUOTA)


def test_without_an_alarm_there_is_nothing_to_take_back_and_without_a_majority_nothing_can_be() -> None:
    assert plan_disarming(state_of("a", "b", "c down"), {}, QUOTA) == ()
    with pytest.raises(Refused, match="etcd takes no change now"):
        plan_disarming(state_of("a", "b down", "c down", alarms=FULL, leader=0), {}, QUOTA)


def test_a_corrupt_member_has_to_go_first() -> None:
    state = state_of("a", "b", "c", alarms=(Alarm(11, "CORRUPT"),))
    assert len(plan_disarming(state, storages(state), QUOTA)) == 1
    state = state_of("a", "b", "c", alarms=(Alarm(3, "CORRUPT"),))
    with pytest.raises(Refused, match="etcdctl member remove 3"):
        plan_disarming(state, storages(state), QUOTA)


@pytest.mark.parametrize(
    ("state", "wished", "target"),
    [
        (state_of("a", "b", "c"), "", ["c"]),
        (state_of("a", "b", "c", leader=3), "", ["b"]),
        (state_of("a", "b", "c down"), "", ["b"]),
        (state_of("a", "b", "c", "d learner"), "", ["c"]),
        (state_of("a", "b", "c"), "b", ["b"]),
        (state_of("a", "b", "c"), "a", []),
    ],
)
def test_the_leadership_goes_to_the_named_or_the_most_advanced_voter(
    state: EtcdState, wished: str, target: list
) -> None:
    assert names(plan_move(state, wished)) == target


@pytest.mark.parametrize(
    ("state", "wished", "reason"),
    [
        (state_of("a", "b", "c down"), "c", "c cannot lead etcd"),
        (state_of("a", "b", "c learner"), "c", "it is a learner"),
        (state_of("a", "b"), "x", "0 members of etcd are called x, it has: a, b"),
        (state_of("a"), "", "no other healthy voter"),
        (state_of("a", "b", leader=0), "", "nobody leads etcd"),
    ],
)
def test_a_member_that_cannot_lead_is_refused(state: EtcdState, wished: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        plan_move(state, wished)


@pytest.mark.parametrize(
    ("state", "wished", "source"),
    [
        (state_of("a", "b", "c"), "", "b"),
        (state_of("a", "b down", "c"), "", "c"),
        (state_of("a"), "", "a"),
        (state_of("a", "b", "c"), "a", "a"),
    ],
)
def test_a_follower_is_saved_where_there_is_one(state: EtcdState, wished: str, source: str) -> None:
    assert snapshot_source(state, wished).name == source


@pytest.mark.parametrize(("leader", "wished"), [(1, "b"), (1, "d"), (1, "x"), (0, "")])
def test_what_may_be_stale_is_not_saved(leader: int, wished: str) -> None:
    with pytest.raises(Refused):
        snapshot_source(state_of("a", "b down", "c", "d learner", leader=leader), wished)
