# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking a host out for good: what is refused, what is left to do, and that an interruption changes nothing."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState, Member
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.removal import (
    ETCD_UNITS,
    POSTGRES_UNITS,
    PROXY_UNITS,
    Leaving,
    RemovalStep,
    plan_removal,
    slot_name,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.voters import Voters

UNITS = (*POSTGRES_UNITS, *PROXY_UNITS, *ETCD_UNITS)
WHOLE = ["unroute", "stop_proxy", "stop_postgres", "forget", "drop_slot", "remove_etcd", "stop_etcd"]


def member(name: str, role: str = "replica", **changed: Any) -> Member:
    return replace(Member(name, role, "running" if role == "leader" else "streaming", timeline=2), **changed)


def cluster(count: int = 4, **changed: Any) -> ClusterState:
    """pg1 leads, the others stream."""
    return ClusterState("main", (member("pg1", "leader"), *(member(f"pg{n}") for n in range(2, count + 1))), **changed)


def voters(count: int = 3, *away: str, leader: str | None = "pg1") -> Voters:
    return Voters({f"pg{n}": f"pg{n}" not in away for n in range(1, count + 1)}, leader)


def leaving(name: str = "pg3", **changed: Any) -> Leaving:
    """A host that does everything, and of which everything is still there."""
    return replace(
        Leaving(
            name,
            units=UNITS,
            routed_by=("pg1", "pg2", "pg3"),
            proxies=("pg1", "pg2", "pg3"),
            slots={"pg1": (name, "other"), "pg2": (name,)},
        ),
        **changed,
    )


def actions(steps: tuple[RemovalStep, ...]) -> list[str]:
    return [step.action for step in steps]


def test_a_host_that_does_everything_leaves_clients_first_and_its_vote_last():
    plan = plan_removal(cluster(), leaving(), voters())
    assert actions(plan.steps) == WHOLE
    where = {step.action: step.on for step in plan.steps}
    assert where["unroute"] == ("pg1", "pg2", "pg3")
    assert where["stop_postgres"] == where["stop_etcd"] == ("pg3",)
    assert where["drop_slot"] == where["remove_etcd"] == ("pg1", "pg2")
    assert where["forget"] == ("pg1", "pg2", "pg4")
    stopped = {step.action: step.units for step in plan.steps if step.units}
    assert stopped == {"stop_proxy": PROXY_UNITS, "stop_postgres": POSTGRES_UNITS, "stop_etcd": ETCD_UNITS}
    assert all(step.reason for step in plan.steps)


def test_a_dead_host_leaves_what_others_keep_of_it():
    dead = leaving(answers=False, units=())
    plan = plan_removal(cluster(2), dead, voters(3, "pg3"))
    assert actions(plan.steps) == ["unroute", "drop_slot", "remove_etcd"]


def test_what_is_gone_is_gone():
    plan = plan_removal(cluster(2), Leaving("pg3", proxies=("pg1",)), voters(2))
    assert (plan.steps, plan.refused, plan.warnings) == ((), (), ())


def test_etcds_leader_hands_over_first_and_a_learner_just_goes():
    plan = plan_removal(cluster(), leaving(), voters(leader="pg3"))
    assert actions(plan.steps)[-3:] == ["move_etcd_leader", "remove_etcd", "stop_etcd"]
    learner = Voters({"pg1": True, "pg2": True}, "pg1", frozenset({"pg3"}))
    assert actions(plan_removal(cluster(2), Leaving("pg3"), learner).steps) == ["remove_etcd"]


REFUSED = [
    (cluster(), leaving("pg1"), voters(), "pg1 leads. Next: playbooks/switchover.yml"),
    (cluster(paused=True), leaving(), voters(), "Patroni is paused"),
    (ClusterState("main", (member("pg2"), member("pg3"))), leaving(), voters(), "no leader"),
    (cluster(), leaving(answers=False, units=()), voters(), "pg3 runs, but does not answer"),
    (cluster(), leaving(proxies=("pg3",)), voters(), "pg3 is the only proxy"),
    (cluster(2), leaving("pg2", protection="zero_loss", unprotected=True), voters(), "nothing could be written"),
    (cluster(2), leaving("pg2", protection="balanced"), voters(), "the leader would be the only copy"),
    (
        ClusterState("main", (member("pg1", "leader"), member("pg2", state="starting"), member("pg3", "sync_standby"))),
        leaving("pg3", protection="zero_loss"),
        voters(),
        "pg3 is the last standby that commits can wait for",
    ),
    (
        ClusterState("main", (member("pg1", "leader"), member("pg2", tags={"nosync": True}), member("pg3"))),
        leaving("pg3", protection="zero_loss"),
        voters(),
        "pg3 is the last standby that commits can wait for",
    ),
    (
        cluster(),
        leaving(),
        voters(3, "pg2"),
        "lose its majority without pg3: then 1 of 2 voters are healthy",
    ),
    (cluster(), leaving(), voters(3, "pg1", "pg2"), "etcd has no majority, so nobody may leave: 1 of 3"),
    (cluster(), leaving(), Voters({"pg3": True}, "pg3"), "pg3 is the last voter"),
    (cluster(), leaving(), Voters(), "etcd has no majority, so nobody may leave: 0 of 0"),
]


@pytest.mark.parametrize(("state", "who", "etcd", "reason"), REFUSED)
def test_what_is_not_safe_is_refused_with_its_reason(state, who, etcd, reason):
    plan = plan_removal(state, who, etcd)
    assert plan.steps == ()
    assert any(reason in each for each in plan.refused), plan.refused
    assert all("Next: " in each for each in plan.refused)


WARNED = [
    (
        cluster(3),
        leaving(protection="zero_loss"),
        voters(5),
        ["zero_loss needs 2 standbys", "4 voters of etcd survive"],
    ),
    (cluster(2), leaving("pg2", protection="balanced", unprotected=True), voters(4), ["balanced needs 1 standbys"]),
    (cluster(4), leaving(protection="zero_loss"), voters(3), ["2 voters of etcd survive no more failures than 1"]),
    (cluster(4), leaving(protection="zero_loss"), voters(4), []),
    (
        ClusterState("main", (*cluster(3).members, member("pg4", state="stopped"))),
        leaving(),
        voters(4),
        ["pg4 (replica, timeline 2) is stopped"],
    ),
]


@pytest.mark.parametrize(("state", "who", "etcd", "warnings"), WARNED)
def test_what_is_lost_by_it_is_said(state, who, etcd, warnings):
    plan = plan_removal(state, who, etcd)
    assert plan.refused == ()
    assert len(plan.warnings) == len(warnings)
    assert all(found.startswith(told) for found, told in zip(plan.warnings, warnings, strict=True))


@pytest.mark.parametrize(
    ("name", "slot"),
    [
        ("pg1", "pg1"),
        ("PG-1.example", "pg_1_example"),
        ("a b", "au0032b"),
        ("dé", "du0233"),
        ("x" * 70, "x" * 63),
    ],
)
def test_slots_are_named_as_patroni_does(name, slot):
    assert slot_name(name) == slot


def test_a_slot_that_another_member_shares_stays():
    state = ClusterState("main", (member("pg1", "leader"), member("a-b"), member("a.b")))
    plan = plan_removal(state, Leaving("a.b", slots={"pg1": ("a_b",)}, units=POSTGRES_UNITS), voters())
    assert actions(plan.steps) == ["stop_postgres", "forget"]


def test_a_slot_stays_while_another_member_is_away_that_needs_its_own():
    """Patroni forgets the slots of all that are away at once, or of none."""
    who = leaving(members=("pg1", "pg2", "pg3", "pg4", "pg5"))
    plan = plan_removal(cluster(), who, voters(4))
    assert actions(plan.steps) == [action for action in WHOLE if action != "drop_slot"]
    assert plan.warnings[-1].startswith("the slot of pg3 on pg1, pg2 keeps WAL")
    assert "that of pg5 would go too" in plan.warnings[-1]
    whole = plan_removal(cluster(), replace(who, members=("pg1", "pg2", "pg3", "pg4")), voters(4))
    assert actions(whole.steps) == WHOLE


def follow(state: ClusterState, who: Leaving, etcd: Voters, step: RemovalStep) -> tuple[ClusterState, Leaving, Voters]:
    """What becomes of them; written apart from the plan."""
    if step.action == "unroute":
        who = replace(who, routed_by=())
    elif step.action.startswith("stop_"):
        gone = {"stop_proxy": PROXY_UNITS, "stop_postgres": POSTGRES_UNITS, "stop_etcd": ETCD_UNITS}[step.action]
        who = replace(who, units=tuple(unit for unit in who.units if unit not in gone))
        members = (replace(m, state="stopped") if m.name == who.name else m for m in state.members)
        state = replace(state, members=tuple(members)) if step.action == "stop_postgres" else state
    elif step.action == "forget":
        state = replace(state, members=tuple(m for m in state.members if m.name != who.name))
    elif step.action == "drop_slot":
        who = replace(who, slots={name: tuple(s for s in has if s != who.name) for name, has in who.slots.items()})
    elif step.action == "move_etcd_leader":
        etcd = replace(
            etcd, leader=next(name for name, healthy in etcd.healthy.items() if healthy and name != who.name)
        )
    else:
        etcd = Voters({name: healthy for name, healthy in etcd.healthy.items() if name != who.name}, etcd.leader)
    return state, who, etcd


def random_case(chance: random.Random) -> tuple[ClusterState, Leaving, Voters]:
    count = chance.randint(1, 5)
    states = ["streaming", "streaming", "streaming", "starting", "stopped"]
    members = (member(f"pg{n}", state=chance.choice(states)) for n in range(2, count + 1))
    name = f"pg{chance.randint(1, 6)}"
    who = leaving(
        name,
        answers=chance.random() < 0.8,
        units=tuple(unit for unit in UNITS if chance.random() < 0.8),
        protection=chance.choice(["zero_loss", "balanced", "async"]),
        unprotected=chance.random() < 0.5,
    )
    away = [f"pg{n}" for n in range(1, 6) if chance.random() < 0.15]
    etcd = voters(chance.choice([1, 2, 3, 4, 5]), *away, leader=chance.choice(["pg1", "pg2", name]))
    return ClusterState("main", (member("pg1", "leader"), *members)), who, etcd


def test_whatever_is_there_no_step_costs_a_majority_or_the_last_copy_and_each_interruption_is_met():
    chance, planned = random.Random(5), 0
    for _case in range(3000):
        state, who, etcd = random_case(chance)
        steps = plan_removal(state, who, etcd).steps
        planned += bool(steps)
        for done, step in enumerate(steps, start=1):
            state, who, etcd = follow(state, who, etcd, step)
            assert state.leader
            assert sum(etcd.healthy.values()) >= len(etcd.healthy) // 2 + 1
            rest = plan_removal(state, who, etcd)
            assert rest.refused == ()
            assert actions(rest.steps) == actions(steps[done:])
        if not steps:
            continue
        standbys = [m for m in state.members if m.is_up and not m.is_leader]
        assert standbys or who.protection != "zero_loss" or "stop_postgres" not in actions(steps)
        assert state.member(who.name) is None
        assert who.name not in etcd.healthy
        assert not set(who.units) & set(UNITS)
    assert planned > 500
