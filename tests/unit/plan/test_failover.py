# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import TimelineEnd
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.member_status import MemberStatus, Voice
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.store import StoreRecord
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.failover import Wish, plan_failover
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.failover_evidence import Situation

NOW = datetime(2026, 1, 31, 12, 0, 30, tzinfo=UTC)
HISTORY = (TimelineEnd(1, 500, "x"), TimelineEnd(2, 900, "x"))
QUORUM = StoreRecord(voters_of="pg1", voters=("pg2", "pg3"), quorum=1, last_lsn=1000, history=HISTORY)
SYNC = replace(QUORUM, voters=("pg2",), quorum=0)
ASYNC = StoreRecord(last_lsn=1000, history=HISTORY)


def replica(lsn: int | None = 1000, timeline: int | None = 3, **changes: Any) -> MemberStatus:
    told: dict[str, Any] = {"state": "running", "role": "replica", "replayed_lsn": lsn, "timeline": timeline}
    return MemberStatus(**{**told, "replayed_at": NOW - timedelta(seconds=30), **changes})


def situation(record: StoreRecord, **statuses: MemberStatus | None) -> Situation:
    """None is a member whose Patroni does not answer."""
    voices = [
        Voice(name, f"https://{name}:8008", status, "" if status else "refused") for name, status in statuses.items()
    ]
    return Situation(record, tuple(voices), NOW)


CHOICES = [
    # (the store, the members, the wish, who leads then)
    (QUORUM, {"pg1": None, "pg2": replica(1000), "pg3": replica(1010)}, Wish(), "pg3"),
    (QUORUM, {"pg1": None, "pg2": replica(1010), "pg3": replica(1010)}, Wish(), "pg2"),
    (QUORUM, {"pg1": None, "pg2": replica(1010), "pg3": replica(1010)}, Wish("pg3"), "pg3"),
    (QUORUM, {"pg1": None, "pg2": replica(1010), "pg3": replica(1000)}, Wish("pg3", force=True), "pg3"),
    (QUORUM, {"pg1": None, "pg2": None, "pg3": replica(1000)}, Wish(force=True), "pg3"),
    (QUORUM, {"pg1": replica(1010), "pg2": None, "pg3": replica(1010)}, Wish("pg3"), "pg3"),
    (QUORUM, {"pg1": replica(1010), "pg2": None, "pg3": None}, Wish(), "pg1"),
    (SYNC, {"pg1": None, "pg2": replica(1000), "pg3": replica(1000)}, Wish(), "pg2"),
    (SYNC, {"pg1": None, "pg2": replica(1000), "pg3": replica(1000)}, Wish("pg3"), "pg3"),
    (SYNC, {"pg1": None, "pg2": replica(1000), "pg3": replica(1010)}, Wish(), "pg3"),
    (ASYNC, {"pg1": None, "pg2": replica(1000), "pg3": replica(990)}, Wish(), "pg2"),
    (ASYNC, {"pg1": None, "pg2": replica(950), "pg3": replica(990)}, Wish(maximum_lost_bytes=10), "pg3"),
    (ASYNC, {"pg2": replica(5000, 2), "pg3": replica(1000, 3)}, Wish(), "pg3"),
    (ASYNC, {"pg2": replica(5000, 2)}, Wish(maximum_lost_bytes=100), "pg2"),
    (
        ASYNC,
        {"pg2": replica(1000), "pg3": replica(1010, tags={"nofailover": True})},
        Wish(maximum_lost_bytes=10),
        "pg2",
    ),
]


@pytest.mark.parametrize(("record", "members", "wish", "chosen"), CHOICES)
def test_the_best_or_the_named_is_chosen(
    record: StoreRecord, members: dict[str, MemberStatus], wish: Wish, chosen: str
) -> None:
    plan = plan_failover(situation(record, **members), wish)
    assert (plan.chosen, plan.is_done, plan.url) == (chosen, False, f"https://{chosen}:8008")
    assert plan.reason.startswith(f"{chosen} ")


REFUSALS = [
    (QUORUM, {"pg1": None, "pg2": None, "pg3": replica()}, Wish(), "1 of 2 voters (pg2, pg3) were heard, 2 are needed"),
    (QUORUM, {"pg1": None, "pg2": None, "pg3": replica()}, Wish(), "Next: bring back pg1 or pg2, or accept the loss"),
    (QUORUM, {"pg1": None, "pg2": replica(), "pg3": replica(1000, 2)}, Wish(), "1 of 2 voters"),
    (QUORUM, {"pg2": replica(1000, 4), "pg3": replica(1000, 4)}, Wish(), "those of timeline 3, and this is 4"),
    (QUORUM, {"pg1": None, "pg2": replica(1010), "pg3": replica(1000)}, Wish("pg3"), "pg2 is ahead of pg3"),
    (replace(QUORUM, voters=()), {"pg2": replica()}, Wish(), "0 of 0 voters (nobody) were heard"),
    (ASYNC, {"pg2": replica(990)}, Wish(), "pg2 lacks 10 bytes of the most advanced log that is known"),
    (ASYNC, {"pg2": replica(990)}, Wish(), "its last commit is 30 s old"),
    (ASYNC, {"pg2": replica(990)}, Wish(maximum_lost_bytes=9), "and at most 9 bytes may be lost"),
    (ASYNC, {"pg2": replica(5000, 2)}, Wish(maximum_lost_bytes=99), "lacks 100 bytes"),
    (ASYNC, {"pg2": replica(5000, None)}, Wish(maximum_lost_bytes=10**9), "lacks an unknown number of bytes"),
    (
        ASYNC,
        {"pg1": None, "pg2": replica(state="start failed")},
        Wish(force=True),
        "nobody can lead: pg2: its PostgreSQL is start failed; pg1: its Patroni does not answer: refused",
    ),
    (ASYNC, {"pg2": replica(), "pg3": None}, Wish("pg3", force=True), "pg3 cannot lead: its Patroni does not answer"),
    (
        ASYNC,
        {"pg2": replica(), "pg3": replica(tags={"failover_priority": 0})},
        Wish("pg3", force=True),
        "its tags forbid",
    ),
    (ASYNC, {"pg2": replica(), "pg3": replica(watchdog_failed=True)}, Wish("pg3", force=True), "its watchdog"),
    (ASYNC, {"pg2": replica(), "pg3": replica(None)}, Wish("pg3", force=True), "does not say how far"),
    (ASYNC, {"pg2": replica()}, Wish("{{ x }}"), "{{ x }} is not among the members: pg2"),
    (ASYNC, {"pg1": replica(role="primary"), "pg2": replica()}, Wish(force=True), "pg1 takes writes, though without"),
    (
        replace(ASYNC, leader="pg1"),
        {"pg1": None, "pg2": replica()},
        Wish(force=True),
        "pg1 still holds the leader's key, but its Patroni does not answer",
    ),
    (
        replace(ASYNC, leader="pg1"),
        {"pg1": replica(state="stopped"), "pg2": replica()},
        Wish(),
        "its PostgreSQL is stopped",
    ),
    (replace(ASYNC, leader="pg9"), {"pg2": replica()}, Wish(), "pg9 still holds the leader's key"),
    (
        replace(ASYNC, leader="pg1"),
        {"pg1": replica(role="primary"), "pg2": replica()},
        Wish("pg2", force=True),
        "playbooks/switchover.yml, for pg2",
    ),
]


@pytest.mark.parametrize(("record", "members", "wish", "reason"), REFUSALS)
def test_what_must_not_be_done_is_refused_with_its_reason_and_the_ranking(
    record: StoreRecord, members: dict[str, MemberStatus], wish: Wish, reason: str
) -> None:
    with pytest.raises(Refused) as caught:
        plan_failover(situation(record, **members), wish)
    assert reason in str(caught.value)
    ranking: Any = caught.value.details["ranking"]
    assert {standing["name"] for standing in ranking} == set(members)


@pytest.mark.parametrize("wish", [Wish(), Wish("pg1"), Wish(force=True)])
def test_where_somebody_leads_nothing_is_to_do(wish: Wish) -> None:
    led = replace(QUORUM, leader="pg1")
    plan = plan_failover(situation(led, pg1=replica(role="primary"), pg2=replica()), wish)
    assert (plan.chosen, plan.is_done) == ("pg1", True)


def test_the_ranking_says_what_each_choice_would_lose() -> None:
    asked = situation(QUORUM, pg1=None, pg2=replica(1010), pg3=replica(1005), pg4=replica(2000, 2), pg5=replica(10, 1))
    told = {s.name: (s.lost_bytes, s.lost_seconds_at_most, s.loses_nothing) for s in asked.ranking()}
    assert told == {
        "pg1": (None, None, False),
        "pg2": (0, 0.0, True),
        "pg3": (5, 30.0, False),
        "pg4": (110, 30.0, False),
        "pg5": (1000, 30.0, False),
    }
    assert [s.name for s in asked.ranking()] == ["pg2", "pg3", "pg4", "pg5", "pg1"]
    assert asked.ranking()[0].facts()["lsn"] == "0/3F2"


def random_truth(chance: random.Random) -> tuple[Situation, dict[str, int], int]:
    """A leader that wrote, voters that confirmed as the quorum demands, and some hosts that went away with it.

    Returns what is seen, how far each member really is, and the last position that was acknowledged to a client.
    """
    names = [f"pg{number}" for number in range(2, 2 + chance.randint(1, 5))]
    voters = names[: chance.randint(1, len(names))]
    confirmations = chance.randint(1, len(voters))
    position = {name: chance.randint(950, 1050) for name in names}
    acknowledged = sorted((position[name] for name in voters), reverse=True)[confirmations - 1]
    position["pg1"] = max(*position.values(), 1000)
    quorum = len(voters) - confirmations
    reported = chance.choice([None, 940, acknowledged])
    record = StoreRecord(None, "pg1", tuple(voters), quorum, reported, HISTORY)
    alive = {name: replica(position[name]) if chance.random() < 0.6 else None for name in position}
    return situation(record, **alive), position, acknowledged


def test_whoever_is_chosen_unforced_has_every_acknowledged_commit() -> None:
    chance, chosen, refused = random.Random(20261), 0, 0
    for _case in range(1200):
        seen, position, acknowledged = random_truth(chance)
        wish = Wish(chance.choice([None, None, *position]), chance.choice([0, 10**9]))
        for standing in seen.ranking():
            assert not standing.loses_nothing or position[standing.name] >= acknowledged
        try:
            plan = plan_failover(seen, wish)
        except Refused:
            refused += 1
            continue
        chosen += 1
        assert position[plan.chosen] >= acknowledged
        assert plan.chosen in {voice.name for voice in seen.voices if voice.status}
    assert min(chosen, refused) > 250


def test_with_enough_voters_there_is_always_somebody_to_choose() -> None:
    chance, complete = random.Random(20262), 0
    for _case in range(500):
        seen, _position, _acknowledged = random_truth(chance)
        if len(seen.heard_voters()) >= seen.record.answers_needed:
            complete += 1
            assert plan_failover(seen, Wish()).chosen == seen.ranking()[0].name
    assert complete > 100
