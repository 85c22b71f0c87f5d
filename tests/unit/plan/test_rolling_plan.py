# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolling operations: tables for the rules, and random clusters for everything between them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState, Member
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling import next_turn, plan_rolling
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_input import Host, Situation, Wish
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_parameters import lowered, raised
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_step import Done, Refusal, Step
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.voters import Voters
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.rolling_world import FREE, NOT_BELOW, World

UP = {"max_connections": {"old_value": "100", "new_value": "200"}}
DOWN = {"max_connections": {"old_value": "200", "new_value": "100"}}
FREELY = {"shared_buffers": {"old_value": "128MB", "new_value": "256MB"}}
MIXED = {**DOWN, "max_worker_processes": {"old_value": "8", "new_value": "16"}}
ALL = frozenset({"postgres", "etcd", "proxy"})


def member(name: str, role: str = "replica", pending: Mapping[str, Any] | None = None, **changed: Any) -> Member:
    state = "running" if role == "leader" else "streaming"
    waits: dict[str, Any] = {"pending_restart": pending is not None, "pending_restart_reason": pending or {}}
    return replace(Member(name, role, state, timeline=3, **waits), **changed)


def situation(*members: Member, hosts: tuple[Host, ...] = (), etcd: Voters | None = None, **changed: Any) -> Situation:
    """Three in one, unless hosts are given: each member's host does everything."""
    found = hosts or tuple(Host(m.name, ALL) for m in members)
    voters = {host.name: True for host in found if "etcd" in host.roles}
    cluster = ClusterState("main", tuple(sorted(members, key=lambda m: m.name)), **changed)
    return Situation(cluster, {host.name: host for host in found}, etcd or Voters(voters, found[0].name))


def told(steps: tuple[Step, ...]) -> list[str]:
    return [
        f"{s.action} {s.host}" + (f" to {s.to}" if s.to else "") + (" in place" if s.in_place else "") for s in steps
    ]


def turn_of(name: str, action: str = "restart") -> list[str]:
    return [f"drain {name}", f"{action} {name}", f"return {name}"]


RESTART = Wish("restart")
ORDERS = [
    # (what waits on pg1 (the leader), pg2 and pg3, the steps)
    ((None, None, None), []),
    ((None, UP, None), turn_of("pg2")),
    ((FREELY, FREELY, FREELY), [*turn_of("pg2"), *turn_of("pg3"), "switchover pg1 to pg2"]),
    ((FREELY, None, None), ["switchover pg1 to pg2"]),
    ((UP, UP, UP), [*turn_of("pg2"), *turn_of("pg3"), "switchover pg1 to pg2"]),
    ((UP, None, None), ["switchover pg1 to pg2"]),
    ((DOWN, DOWN, DOWN), ["restart pg1 in place", *turn_of("pg2"), *turn_of("pg3")]),
    ((DOWN, None, None), ["restart pg1 in place"]),
    ((None, DOWN, DOWN), [*turn_of("pg2"), *turn_of("pg3")]),
    ((DOWN | FREELY, DOWN | FREELY, FREELY), ["restart pg1 in place", *turn_of("pg2"), *turn_of("pg3")]),
    (
        (MIXED, MIXED, MIXED),
        [*turn_of("pg2"), *turn_of("pg3"), "restart pg1 in place", *turn_of("pg2"), *turn_of("pg3")],
    ),
    ((MIXED, None, DOWN), ["restart pg1 in place", *turn_of("pg3")]),
    (({}, {}, {}), [*turn_of("pg2"), *turn_of("pg3"), "switchover pg1 to pg2"]),
]


@pytest.mark.parametrize(("waiting", "steps"), ORDERS)
def test_the_parameters_decide_the_order(waiting, steps):
    state = situation(
        member("pg1", "leader", waiting[0]), member("pg2", pending=waiting[1]), member("pg3", pending=waiting[2])
    )
    plan = plan_rolling(state, RESTART)
    assert plan.refused == ()
    assert told(plan.steps) == steps
    assert all(step.reason for step in plan.steps)


@pytest.mark.parametrize(
    ("change", "rises", "falls"),
    [
        ({"old_value": "100", "new_value": "200"}, True, False),
        ({"old_value": "200", "new_value": "100"}, False, True),
        ({"old_value": "9", "new_value": "10"}, True, False),
        ({"old_value": "?", "new_value": "10"}, True, False),
        ({"old_value": "", "new_value": ""}, True, False),
        ("surprise", True, False),
    ],
)
def test_a_direction_is_read_from_the_values_as_numbers(change, rises, falls):
    one = member("pg1", pending={"max_wal_senders": change, "work_mem": change})
    assert (raised(one), lowered(one)) == (
        frozenset({"max_wal_senders"} if rises else ()),
        frozenset({"max_wal_senders"} if falls else ()),
    )


def test_asynchronous_standbys_go_before_synchronous_ones_and_only_a_synchronous_one_takes_over():
    state = situation(
        member("pg1", "leader", FREELY),
        member("pg2", "sync_standby", FREELY, lag_bytes=500),
        member("pg3", "replica", FREELY, lag_bytes=0),
    )
    assert told(plan_rolling(state, RESTART).steps) == [*turn_of("pg3"), *turn_of("pg2"), "switchover pg1 to pg2"]


def test_the_heir_is_the_one_with_the_least_lag_that_may_lead():
    state = situation(
        member("pg1", "leader", FREELY),
        member("pg2", lag_bytes=0, tags={"nofailover": True}),
        member("pg3", lag_bytes=9),
        member("pg4", lag_bytes=8),
        member("pg5", lag_bytes=0, tags={"failover_priority": 0}),
    )
    assert told(plan_rolling(state, RESTART).steps) == ["switchover pg1 to pg4"]


def test_everybody_is_restarted_who_started_before_it_began():
    started = {"pg1": 50.0, "pg2": 99.0, "pg3": 100.0}
    hosts = tuple(Host(name, ALL, started=at) for name, at in started.items())
    state = situation(member("pg1", "leader"), member("pg2"), member("pg3"), hosts=hosts)
    plan = plan_rolling(state, Wish("restart", everybody=True, began=100.0))
    assert told(plan.steps) == [*turn_of("pg2"), "switchover pg1 to pg2"]


def test_a_member_alone_is_restarted_in_place_and_that_is_said():
    plan = plan_rolling(situation(member("pg1", "leader", UP)), RESTART)
    assert told(plan.steps) == ["restart pg1 in place"]
    assert plan.warnings == ("pg1 leads while it is away: clients wait",)


def due(name: str, *roles: str, **changed: Any) -> Host:
    return Host(name, frozenset(roles) or ALL, due="newer packages", **changed)


def test_hosts_go_one_by_one_with_the_leaders_last():
    hosts = (due("pg1"), due("pg2"), due("pg3"))
    state = situation(
        member("pg1", "leader"),
        member("pg2"),
        member("pg3"),
        hosts=hosts,
        etcd=Voters({host.name: True for host in hosts}, "pg2"),
    )
    assert told(plan_rolling(state, Wish("update")).steps) == [
        *turn_of("pg3", "update"),
        *turn_of("pg2", "update"),
        "switchover pg1 to pg2",
        *turn_of("pg1", "update"),
    ]


def test_hosts_of_their_own_go_first_and_etcds_leader_last_of_the_voters():
    hosts = (
        *(due(f"e{n}", "etcd") for n in (1, 2, 3)),
        *(due(f"p{n}", "proxy") for n in (1, 2)),
        *(due(f"pg{n}", "postgres") for n in (1, 2)),
    )
    etcd = Voters({"e1": True, "e2": True, "e3": True}, "e1")
    state = situation(member("pg1", "leader"), member("pg2"), hosts=hosts, etcd=etcd)
    assert told(plan_rolling(state, Wish("reboot")).steps) == [
        "reboot e2",
        "reboot e3",
        *turn_of("p1", "reboot"),
        *turn_of("p2", "reboot"),
        *turn_of("pg2", "reboot"),
        "reboot e1",
        "switchover pg1 to pg2",
        *turn_of("pg1", "reboot"),
    ]


def test_what_no_order_avoids_is_said_before():
    state = situation(member("pg1", "leader"), hosts=(due("pg1"),))
    plan = plan_rolling(state, Wish("reboot"))
    assert told(plan.steps) == ["reboot pg1 in place"]
    assert [warning.split(":")[0] for warning in plan.warnings] == [
        "pg1 is etcd's only voter",
        "pg1 is the only proxy",
        "pg1 leads while it is away",
    ]


THREE = (member("pg1", "leader", UP), member("pg2", pending=UP), member("pg3", pending=UP))


def refusals() -> list[Any]:
    everywhere = tuple(Host(name, ALL) for name in ("pg1", "pg2", "pg3"))
    silent = (*everywhere[:2], Host("pg3", ALL, answers=False))
    minority = Voters({"pg1": True, "pg2": False, "pg3": False}, None)
    strict = Wish("restart", strict=True)
    two = (member("pg1", "leader", UP), member("pg2", "sync_standby", UP))
    unfit = member("pg2", tags={"nofailover": True})
    late = replace(THREE[2], state="starting")
    old = replace(THREE[2], timeline=2)
    return [
        (situation(*THREE, paused=True), RESTART, "Patroni is paused"),
        (
            situation(*THREE, scheduled_switchover={"at": "2030-01-01T00:00:00Z"}),
            RESTART,
            "a switchover is scheduled at 2030",
        ),
        (situation(*THREE[1:]), RESTART, "the cluster has no leader"),
        (situation(*THREE[:2], late), RESTART, "pg3 (replica, timeline 3) is starting"),
        (situation(*THREE[:2], old), RESTART, "but the leader is on timeline 3"),
        (situation(*THREE[:2], hosts=everywhere), RESTART, "pg3 is not a member"),
        (situation(*THREE, hosts=silent), RESTART, "not answering: pg3"),
        (situation(*THREE, etcd=minority), RESTART, "etcd has no majority: 1 of 3 voters are healthy, 2 are needed"),
        (situation(*THREE, etcd=Voters()), RESTART, "etcd has no majority: 0 of 0"),
        (situation(*two), strict, "pg2 is the last standby that commits can wait for"),
        (situation(*two, member("pg3", tags={"nosync": True})), strict, "pg2 is the last standby"),
        (situation(member("pg1", "leader", UP), unfit), RESTART, "pg1 leads, and nobody may take over"),
    ]


@pytest.mark.parametrize(("state", "wish", "reason"), refusals())
def test_what_is_not_safe_is_refused_with_its_reason_and_the_next_step(state, wish, reason):
    decided = next_turn(state, wish)
    assert isinstance(decided, Refusal)
    assert any(reason in each for each in decided.reasons)
    assert all("Next: " in each or "Next, on" in each for each in decided.reasons)
    assert plan_rolling(state, wish).refused == decided.reasons


def test_a_refusal_that_comes_later_refuses_the_whole():
    """The order would begin with pg3, and end in an election among two voters of which one is away."""
    hosts = (Host("pg1", ALL), due("pg2", "postgres", "etcd"), due("pg3", "postgres"))
    etcd = Voters({"pg1": True, "pg2": True, "x": False}, "pg2")
    plan = plan_rolling(
        situation(member("pg1", "leader"), member("pg2"), member("pg3"), hosts=hosts, etcd=etcd), Wish("reboot")
    )
    assert plan.steps == ()
    assert plan.refused == (
        "after the return of pg3: etcd would lose its majority without pg2: 2 of 3 voters are healthy, 2 are needed. "
        "Next: bring its members back",
    )


def test_nobody_is_promoted_whom_another_standby_could_not_follow():
    """An update starts PostgreSQL with its new values, and pg3, which needs no update, still has the old ones."""
    hosts = (due("pg1"), due("pg2"), Host("pg3", ALL))
    state = situation(*THREE, hosts=hosts)
    plan = plan_rolling(state, Wish("update"))
    assert "pg3 (with its old max_connections) could not follow a new leader" in plan.refused[0]


def test_writes_may_be_allowed_to_wait():
    state = situation(member("pg1", "leader"), member("pg2", "sync_standby", UP))
    assert isinstance(next_turn(state, Wish("restart", strict=True)), Refusal)
    allowed = plan_rolling(state, Wish("restart", strict=True, writes_may_wait=True))
    assert told(allowed.steps) == turn_of("pg2")


def test_a_host_away_that_has_nothing_to_do_with_restarts_is_no_obstacle():
    hosts = (
        *(Host(name, frozenset({"postgres"})) for name in ("pg1", "pg2")),
        Host("p1", frozenset({"proxy"}), answers=False),
    )
    state = situation(member("pg1", "leader"), member("pg2", pending=UP), hosts=hosts)
    assert told(plan_rolling(state, RESTART).steps) == turn_of("pg2")
    hosts = (due("pg1", "postgres"), *hosts[1:])
    refused = next_turn(replace(state, hosts={host.name: host for host in hosts}), Wish("reboot"))
    assert isinstance(refused, Refusal)


def test_who_is_down_in_its_own_turn_is_finished_and_who_does_not_come_back_stops_everything():
    half = (Host("pg1", ALL), due("pg2", drained=True), due("pg3"))
    down = member("pg2", state="stopped")
    state = situation(member("pg1", "leader"), down, member("pg3"), hosts=half)
    assert next_turn(state, Wish("update")) == Step("update", "pg2", "newer packages")
    updated = replace(state, hosts={**state.hosts, "pg2": replace(half[1], due="")})
    refused = next_turn(updated, Wish("update"))
    assert isinstance(refused, Refusal)
    assert "pg2 (replica, timeline 3) is stopped. Next, on pg2: journalctl" in refused.reasons[0]


def test_who_was_promoted_in_its_turn_hands_over_first():
    hosts = (Host("pg1", ALL), due("pg2", drained=True), due("pg3"))
    state = situation(member("pg1"), member("pg2", "leader"), member("pg3"), hosts=hosts)
    assert told((next_turn(state, Wish("update")),))[0] == "switchover pg2 to pg1"  # type: ignore[arg-type]


def random_world(chance: random.Random) -> tuple[World, Wish]:
    data = [f"pg{n}" for n in range(1, chance.randint(2, 6))]
    shared = chance.random() < 0.5
    roles: dict[str, frozenset[str]] = {name: frozenset({"postgres"}) for name in data}
    for role, count in (("etcd", chance.choice([1, 3, 5])), ("proxy", chance.randint(1, 3))):
        names = data[:count] if shared else [f"{role}{n}" for n in range(count)]
        for name in names:
            roles[name] = roles.get(name, frozenset()) | {role}
    keys = (*NOT_BELOW, *FREE)
    before = {key: chance.choice([10, 20]) for key in keys}
    wanted = {key: chance.choice([value, value, 5, 30]) for key, value in before.items()}
    mode = chance.choice(["async", "sync", "quorum"])
    world = World(
        leader=chance.choice(data),
        members=data,
        wanted=wanted,
        running={name: dict(before) for name in data},
        roles=roles,
        mode=mode,
        outdated={name for name in roles if chance.random() < 0.7},
        started=dict.fromkeys(data, 0.0),
        etcd_leader=chance.choice([name for name, does in roles.items() if "etcd" in does]),
        chance=chance,
    )
    standbys = [name for name in data if name != world.leader]
    world.synchronous = {"quorum": set(standbys), "sync": set(standbys[:1]), "async": set()}[mode]
    action = chance.choice(["restart", "restart", "update", "reboot"])
    everybody = action == "restart" and chance.random() < 0.3
    return world, Wish(action, strict=mode != "async" and chance.random() < 0.7, everybody=everybody, began=500.0)


def check(world: World, wish: Wish, step: Step) -> None:
    """What must hold when a step begins."""
    if step.action in ("drain", "return", "switchover"):
        return
    assert world.drained <= {step.host}
    voters = [name for name, roles in world.roles.items() if "etcd" in roles]
    if wish.action != "restart" and step.host in voters and len(voters) > 1:
        assert len(voters) - 1 >= len(voters) // 2 + 1
    if step.host in world.members:
        assert step.in_place == (step.host == world.leader)
        assert step.in_place or step.host in world.drained
        standbys = [name for name in world.members if name not in (world.leader, step.host)]
        assert standbys or not wish.strict or step.in_place


def same(rest: tuple[Step, ...], expected: tuple[Step, ...], *, in_order: bool) -> bool:
    """Who is synchronous may change meanwhile, and then who goes last of the standbys, and who takes over."""
    one, other = ([(step.action, step.host) for step in steps] for steps in (rest, expected))
    return one == other if in_order else sorted(one) == sorted(other)


def test_whatever_the_cluster_every_step_is_safe_and_each_interruption_is_met():
    chance, planned, refused, in_place = random.Random(20263), 0, 0, 0
    for _case in range(1500):
        world, wish = random_world(chance)
        plan = plan_rolling(world.situation(), wish)
        if plan.refused:
            refused += 1
            two_and_strict = len(world.members) == 2 and wish.strict
            two_voters = sum("etcd" in roles for roles in world.roles.values()) == 2
            raises = any(world.wanted[key] > world.running[world.leader][key] for key in NOT_BELOW)
            assert two_and_strict or two_voters or (raises and wish.action != "restart"), plan.refused
            continue
        for done, step in enumerate(plan.steps, start=1):
            check(world, wish, step)
            world.follow(step if step.action != "switchover" else next_turn(world.situation(), wish))  # type: ignore[arg-type]
            assert world.replicates(), f"{told(plan.steps)}, after {step}"
            rest = plan_rolling(world.situation(), wish)
            assert same(rest.steps, plan.steps[done:], in_order=world.mode != "sync"), (
                f"{told(plan.steps)}, after {step}"
            )
        assert next_turn(world.situation(), wish) == Done()
        planned += bool(plan.steps)
        in_place += any(step.in_place for step in plan.steps)
        assert world.drained == set()
        if wish.action == "restart":
            assert all(values == world.wanted for values in world.running.values())
        else:
            assert world.outdated == set()
    assert planned > 800
    assert refused > 50
    assert in_place > 100


def test_an_older_patroni_that_tells_no_values_is_restarted_standbys_first():
    world, _wish = random_world(random.Random(3))
    world.tells_values = False
    world.running = {name: dict.fromkeys(values, 1) for name, values in world.running.items()}
    plan = plan_rolling(world.situation(), RESTART)
    assert plan.steps[-1].action == "switchover"
    assert not any(step.in_place for step in plan.steps)
