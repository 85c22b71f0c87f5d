# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore: what is refused, what is left to do, and that an interruption never makes two lineages."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.restore import (
    SPARE,
    Place,
    RestoreStep,
    Restoring,
    choose_worker,
    plan_restore,
)

WHOLE = [
    "copy", "recover", "promote", "stop", "set_aside", "adopt", "forget", "open", "follow", "backup", "finish",
]  # fmt: skip
GIB = 2**30


def cluster(count: int = 3, **changed: Any) -> Restoring:
    """pg1 leads, and the backup is restored on pg2."""
    places = (Place("pg1", leads=True), *(Place(f"pg{n}") for n in range(2, count + 1)))
    return replace(Restoring(places, "pg2" if count > 1 else "pg1", size=GIB), **changed)


def changing(found: Restoring, *names: str, **changed: Any) -> Restoring:
    return replace(found, places=tuple(replace(p, **changed) if p.name in names else p for p in found.places))


def actions(found: Restoring) -> list[str]:
    plan = plan_restore(found)
    assert not plan.refused
    return [step.action for step in plan.steps]


def done(found: Restoring, step: RestoreStep) -> Restoring:
    """The world after a step, as the hosts and etcd would tell it."""
    stages = {"copy": "copied", "recover": "recovered", "promote": "promoted"}
    if step.action in stages:
        return changing(found, found.worker, prepared=stages[step.action])
    if step.action == "follow":
        return replace(changing(found, *step.on, runs=True, starts=True, data="restored"), whole=True)
    effects: dict[str, dict[str, Any]] = {
        "stop": {"runs": False, "starts": False, "leads": False},
        "set_aside": {"data": "none"},
        "adopt": {"data": "restored", "prepared": ""},
        "open": {"runs": True, "starts": True, "leads": True},
    }
    if step.action in effects:
        return changing(found, *step.on, **effects[step.action])
    changes: dict[str, Any] = {"forget": {"forgotten": True}, "backup": {"backed_up": True}}
    return replace(found, **changes.get(step.action, {}))


def host_by_host(step: RestoreStep) -> Iterator[RestoreStep]:
    """A run can die between two hosts, too. All that follows a leader is one event for the world."""
    if step.action in ("stop", "set_aside"):
        yield from (replace(step, on=(name,)) for name in step.on)
    else:
        yield step


def lineages(found: Restoring) -> set[str]:
    """What is served, or could be by whoever boots now."""
    return {place.data for place in found.places if place.runs or place.starts} - {"none"}


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_the_cluster_serves_until_the_target_is_reached(count):
    expected = [action for action in WHOLE if count > 1 or action != "follow"]
    assert actions(cluster(count)) == expected


def test_the_hosts_are_asked_again_where_hours_may_have_passed_and_before_the_rest():
    world = cluster()
    turns: list[list[str]] = []
    while "finish" not in [action for turn in turns for action in turn]:
        steps = plan_restore(world).next
        turns.append([step.action for step in steps])
        for step in steps:
            world = done(world, step)
    change_over = ["promote", "stop", "set_aside", "adopt", "forget", "open"]
    assert turns == [["copy", "recover"], change_over, ["follow", "backup", "finish"]]


def test_a_member_that_came_back_alone_is_stopped_in_a_turn_of_its_own():
    opened = changing(cluster(forgotten=True), "pg1", "pg2", data="restored")
    assert [step.action for step in plan_restore(opened).next] == ["stop", "set_aside"]


def test_standbys_stop_first():
    steps = {step.action: step.on for step in plan_restore(cluster()).steps}
    assert steps["stop"] == ("pg2", "pg3", "pg1")
    assert steps["set_aside"] == ("pg1", "pg2", "pg3")
    assert steps["copy"] == steps["adopt"] == steps["open"] == ("pg2",)
    assert steps["follow"] == ("pg1", "pg3")


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_interrupted_anywhere_the_rest_is_done(count):
    """Also between two hosts; and at no moment can two lineages run."""
    world = cluster(count)
    for step in plan_restore(world).steps:
        for part in host_by_host(step):
            left = actions(world)
            assert left[0] == step.action
            assert left == [action for action in WHOLE if action in left]
            world = done(world, part)
            assert len(lineages(world)) <= 1, f"after {part}"
    assert actions(world) == ["finish"]


def test_no_member_opens_before_all_former_data_is_aside():
    """Whatever the hosts look like: random worlds, as after reboots, repairs by hand and half-done runs."""
    chance = random.Random(4)
    for _world in range(2000):
        places = tuple(
            Place(
                f"pg{n}",
                runs=chance.random() < 0.5,
                starts=chance.random() < 0.5,
                data=chance.choice(["none", "unfinished", "former", "restored" if n == 1 else "former"]),
                prepared=chance.choice(["", "copied", "recovered", "promoted"]) if n == 1 else "",
            )
            for n in range(1, 4)
        )
        world = Restoring(places, "pg1", forgotten=chance.random() < 0.5)
        steps = plan_restore(world).steps
        for step in steps:
            if step.action == "set_aside":
                assert not [p for p in world.places if p.name in step.on and (p.runs or p.starts)], (
                    "set aside while it runs"
                )
            if step.action in ("open", "follow", "adopt"):
                assert not [p for p in world.places if p.data == "former"], step
            if step.action == "adopt":
                assert world.at_work.prepared == "promoted"
            world = done(world, step)
        assert actions(world) == ["finish"]
        assert {place.data for place in world.places} == {"restored"}


def test_a_member_that_came_back_with_its_former_data_is_set_aside_again():
    """Say, by hand, after the restored one had opened."""
    opened = changing(cluster(forgotten=True), "pg2", data="restored", leads=True)
    opened = changing(opened, "pg1", leads=False, data="none", runs=False, starts=False)
    assert actions(opened) == ["stop", "set_aside", "follow", "backup", "finish"]
    assert plan_restore(opened).steps[0].on == ("pg3",)


def test_a_clone_without_a_mark_is_not_stopped():
    """Of a run that was interrupted while the others were cloned, or after that."""
    opened = changing(cluster(forgotten=True), "pg2", data="restored", leads=True)
    cloned = changing(opened, "pg1", leads=False, data="unfinished")
    for third in ({"data": "former", "is_aside": True}, {"data": "restored"}):
        assert actions(changing(cloned, "pg3", **third)) == ["follow", "backup", "finish"]


def test_what_is_left_of_data_is_set_aside():
    """Say, that of a member which was being cloned when the cluster was stopped, or has lost its control file."""
    steps = {step.action: step.on for step in plan_restore(changing(cluster(), "pg2", data="unfinished")).steps}
    assert steps["set_aside"] == ("pg1", "pg2", "pg3")


def test_members_that_wait_for_the_restored_leader_are_left_alone():
    opened = changing(cluster(forgotten=True), "pg2", data="restored", leads=True)
    assert actions(changing(opened, "pg1", "pg3", data="none", leads=False)) == ["follow", "backup", "finish"]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (changing(cluster(), "pg3", answers=False), "pg3 cannot be reached, and could come back with the former data"),
        (cluster(paused=True), "would leave PostgreSQL running"),
        (cluster(worker="etcd1"), "etcd1 has no PostgreSQL. Next: name one of pg1, pg2, pg3"),
        (changing(cluster(), "pg1", is_mount=True), "the data directory of pg1 is a mount point"),
        (changing(cluster(), "pg2", has_tablespaces=True), "pg2 has tablespaces"),
        (changing(cluster(), "pg3", free=GIB), "pg3 has 1024 MiB free, and the restored data needs 1024 MiB"),
    ],
)
def test_refused_before_anything_is_changed(found, told):
    plan = plan_restore(found)
    assert plan.steps == ()
    assert told in "; ".join(plan.refused)


def test_space_is_needed_once():
    """What lies there already needs no more room."""
    full = changing(cluster(), "pg2", prepared="copied", free=0)
    assert not plan_restore(full).refused
    assert plan_restore(changing(full, "pg1", free=GIB + SPARE - 1)).refused
    adopted = changing(full, "pg2", data="restored", prepared="")
    assert not plan_restore(changing(adopted, "pg1", free=0)).refused


def test_the_leader_is_spared():
    places = (Place("pg1", leads=True, free=9), Place("pg2", free=5), Place("pg3", free=7))
    assert choose_worker(places) == "pg3"
    assert choose_worker(places, "pg1") == "pg1"
    assert choose_worker(places[:1]) == "pg1"


def test_the_work_stays_where_it_began():
    places = (Place("pg1", leads=True), Place("pg2", prepared="copied", free=1), Place("pg3"))
    assert choose_worker(places) == "pg2"
