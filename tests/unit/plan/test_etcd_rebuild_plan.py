# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.member_status import MemberStatus, Voice
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.etcd_rebuild import (
    Evidence,
    Found,
    Wish,
    choose,
    contradictions,
    differences_of,
    evidence_of,
    judge,
    missing_of,
)

CONFIG = {"ttl": 20, "synchronous_mode": "quorum"}
RUNNING = Evidence("pg1", 3, "75", {"pg1": "t1", "pg2": "t2", "pg3": "t3"})
STANDBY = MemberStatus(
    "running", "replica", "pg2", "shop", timeline=3, replication_state="streaming", system_identifier="75"
)
LEADER = replace(STANDBY, role="primary", name="pg1", replication_state="", failsafe_active=True)


def found(*with_data: str, **changes: bool) -> Found:
    return Found({name: name in with_data for name in ("pg1", "pg2", "pg3")}, **changes)


def voices(**changes: dict[str, Any]) -> list[Voice]:
    """Three members that run as they shall, but for the changes by name."""
    members = {"pg1": LEADER, "pg2": STANDBY, "pg3": replace(STANDBY, name="pg3")}
    started = {name: replace(status, postmaster_started=f"t{name[-1]}") for name, status in members.items()}
    return [Voice(n, f"https://{n}", replace(status, **changes.get(n, {}))) for n, status in started.items()]


def store(**changes: Any) -> dict[str, str]:
    """What Patroni keeps of this cluster."""
    kept: dict[str, Any] = {
        "initialize": "75",
        "leader": "pg1",
        "config": CONFIG,
        "sync": {"leader": "pg1", "sync_standby": "pg2,pg3", "quorum": 1},
        "history": [[1, 10, "x"], [2, 20, "x"]],
        "status": {"optime": 1},
        "failsafe": {"pg1": "https://pg1"},
        **changes,
    }
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in kept.items() if v is not None}


@pytest.mark.parametrize(
    ("left", "wish", "way"),
    [
        (found("pg1", "pg2", "pg3", healthy=True, has_majority=True), Wish(), "none"),
        (found(), Wish(), "nothing"),
        (found("pg2"), Wish(), "survivor"),
        (found("pg2"), Wish("nothing"), "nothing"),
        (found("pg1", "pg2"), Wish(), "resume"),
        (found("pg1", "pg2"), Wish("survivor", "pg2"), "survivor"),
        (found("pg1", unseen_has_majority=True), Wish(), "resume"),
        (found("pg1", "pg2", unseen_has_majority=True), Wish("survivor"), "resume"),
        (found("pg1", unseen_has_majority=True), Wish("nothing"), "nothing"),
    ],
)
def test_the_way_that_leaves_the_most(left: Found, wish: Wish, way: str) -> None:
    chosen = choose(left, wish)
    assert chosen.name == way
    assert bool(chosen.steps) == (way != "none")
    assert chosen.survivor == ("pg2" if way == "survivor" else "")


@pytest.mark.parametrize(
    ("left", "wish", "why"),
    [
        (found("pg1", "pg2", has_majority=True), Wish(), "site"),
        (found("pg1", "pg2", has_majority=True), Wish("nothing"), "site"),
        (found(), Wish("survivor"), "from=nothing"),
        (found("pg1", "pg2"), Wish("survivor"), "survivor=NAME"),
        (found("pg1"), Wish("survivor", "pg3"), "pg3 has no data"),
    ],
)
def test_where_nothing_may_be_done_or_somebody_decides(left: Found, wish: Wish, why: str) -> None:
    with pytest.raises(Refused, match=why):
        choose(left, wish)


def test_evidence_of_a_cluster_that_runs_without_etcd() -> None:
    assert evidence_of(voices(), "shop") == RUNNING


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"pg2": {"role": "primary"}}, "2 members are primaries"),
        ({"pg1": {"role": "replica"}}, "no member is a primary; a standby cluster"),
        ({"pg2": {"replication_state": ""}}, "pg2 .* does not stream"),
        ({"pg3": {"timeline": 2}}, "pg3 is on timeline 2"),
        ({"pg3": {"scope": "other"}}, "pg3 belongs to other"),
        ({"pg1": {"failsafe_active": False}}, "not in failsafe mode"),
    ],
)
def test_a_cluster_that_does_not_run_as_a_whole(changes: dict[str, dict[str, Any]], why: str) -> None:
    with pytest.raises(Refused, match=why):
        evidence_of(voices(**changes), "shop")


def test_a_silent_patroni_forbids_it() -> None:
    heard = [*voices()[:2], Voice("https://pg3", "https://pg3", reason="no answer in time")]
    with pytest.raises(Refused, match="https://pg3 does not answer: no answer in time"):
        evidence_of(heard, "shop")


@pytest.mark.parametrize(
    "values",
    [{}, store(), store(leader=None), store(sync=None, leader=None)],
    ids=["empty", "whole", "lapsed", "async"],
)
def test_a_store_that_patroni_may_see(values: dict[str, str]) -> None:
    judge(values, RUNNING, CONFIG)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (store(leader="pg2"), "the leader is pg2 in etcd"),
        (store(initialize="74"), "system identifier is 74"),
        (store(history=[[1, 10, "x"]]), "the timeline is 2"),
        (store(sync={"leader": "pg3", "sync_standby": "pg1"}), "synchronous standbys is pg3"),
        (store(config={"ttl": 30, "synchronous_mode": "quorum"}), "configuration differs in ttl"),
        (store(config=None), "differs in everything"),
        (store(initialize=None), "cannot be read"),
        (store(history="{"), "cannot be read"),
    ],
)
def test_a_store_from_the_past_is_not_shown(values: dict[str, str], why: str) -> None:
    with pytest.raises(Refused, match=why):
        judge(values, RUNNING, CONFIG)


def test_at_the_end_everything_must_be_there() -> None:
    assert contradictions(store(), RUNNING, CONFIG, complete=True) == ()
    assert contradictions({}, RUNNING, CONFIG, complete=True)
    assert contradictions(store(leader=None), RUNNING, CONFIG, complete=True)
    assert missing_of(store(), ["pg2"], CONFIG) == ()
    assert missing_of(store(failsafe=None), ["pg2"], CONFIG) == ("/failsafe is not written yet",)
    assert missing_of(store(sync={"leader": "pg1"}), ["pg2"], CONFIG) == ("no synchronous standby is noted yet",)
    assert missing_of(store(sync=None), ["pg2"], {"synchronous_mode": "off"}) == ()


def test_members_are_as_before_or_the_difference_is_named() -> None:
    seen = {"failsafe_active": False}
    assert differences_of(voices(pg1=seen), RUNNING) == ()
    assert differences_of(voices(), RUNNING) == ("pg1 does not see etcd yet",)
    assert differences_of(voices(pg1=seen, pg2={"postmaster_started": "t9"}), RUNNING) == ("pg2 was restarted at t9",)
    assert differences_of(voices(pg1=seen, pg3={"timeline": 4}), RUNNING) == ("pg3 is on timeline 4, not 3",)
    assert differences_of(voices(pg1=seen)[:2], RUNNING) == ("pg3 is not heard of",)
