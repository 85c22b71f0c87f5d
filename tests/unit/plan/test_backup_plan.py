# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import DIFFERENTIAL, FULL, KINDS, Backup
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Schedule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup import PATIENCE, due, is_turn, line, slot
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.backups import NOON, backup, catalog, wal
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import member

DAILY = Schedule(interval_hours=24, offset_hours=1, full_days=7)
SIX_HOURS = Schedule(interval_hours=6, offset_hours=1, full_days=1)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return NOON.replace(day=day, hour=hour, minute=minute)


@pytest.mark.parametrize(
    ("schedule", "now", "begin"),
    [
        (DAILY, at(20, 12), at(20, 1)),
        (DAILY, at(20, 1), at(20, 1)),
        (DAILY, at(20, 0, 59), at(19, 1)),
        (SIX_HOURS, at(20, 6, 59), at(20, 1)),
        (SIX_HOURS, at(20, 7), at(20, 7)),
        (SIX_HOURS, at(20, 0, 30), at(19, 19)),
        (Schedule(24, 0, 7), at(20, 0), at(20, 0)),
    ],
)
def test_the_hour_of_the_schedule(schedule: Schedule, now: datetime, begin: datetime) -> None:
    assert slot(now, schedule) == begin


def kinds(found: object) -> list[str]:
    return [each.kind for each in found]  # type: ignore[attr-defined]


class TestDue:
    def test_the_first_one_is_full_and_due_at_once(self):
        assert kinds(due(catalog(), 1, DAILY, KINDS, NOON)) == [FULL]

    def test_nothing_is_due_after_one_that_began_in_time(self):
        held = catalog([backup("a", at(20, 1, 10))], wal(1, [4]))
        assert due(held, 1, DAILY, KINDS, NOON) == ()

    def test_one_that_began_before_the_hour_does_not_count(self):
        held = catalog([backup("a", at(20, 1, 4))], wal(1, [4]))
        assert kinds(due(held, 1, DAILY, KINDS, NOON)) == [DIFFERENTIAL]

    def test_a_missed_one_stays_due(self):
        held = catalog([backup("a", at(18, 1, 10))], wal(1, [4]))
        assert kinds(due(held, 1, DAILY, KINDS, NOON)) == [DIFFERENTIAL]

    def test_a_full_one_follows_when_the_last_is_old(self):
        held = catalog([backup("a", at(13, 1, 10)), backup("b", at(19, 1, 10), kind=DIFFERENTIAL)], wal(1, [4]))
        assert kinds(due(held, 1, DAILY, KINDS, NOON)) == [FULL]
        assert kinds(due(held, 1, Schedule(24, 1, 8), KINDS, NOON)) == [DIFFERENTIAL]

    def test_an_engine_without_differences_makes_full_ones(self):
        held = catalog([backup("a", at(19, 1, 10))], wal(1, [4]))
        assert kinds(due(held, 1, DAILY, [FULL], NOON)) == [FULL]

    def test_missing_wal_makes_a_new_full_one_due_at_once(self):
        held = catalog([backup("a", at(20, 1, 10))], wal(1, [4, 5, 7], at=at(20, 2)))
        found = due(held, 1, DAILY, KINDS, NOON)
        assert kinds(found) == [FULL]
        assert "000000010000000000000006" in found[0].reason

    def test_each_repository_for_itself(self):
        held = catalog([backup("a", at(20, 1, 10), repository=2)], wal(1, [4], repository=2))
        assert [each.repository for each in due(held, 2, DAILY, KINDS, NOON)] == [1]

    def test_one_that_cannot_be_read_is_left_alone(self):
        assert due(catalog(problems={1: "no answer"}), 1, DAILY, KINDS, NOON) == ()

    def test_whatever_the_history_one_backup_a_slot_is_made_and_no_more(self):
        """Members that look every minute or are away for hours, and attempts that fail: simulated for ten days."""
        chance = random.Random(11)
        for _run in range(20):
            made: list[Backup] = []
            now, end = at(1, 0), at(11, 0)
            while now < end:
                if due(catalog(made, wal(1, [4])), 1, SIX_HOURS, KINDS, now) and chance.random() > 0.3:
                    made.append(backup(str(len(made)), now + timedelta(minutes=5)))
                now += timedelta(minutes=chance.choice([1, 5, 60, 300]))
            slots = [slot(each.started, SIX_HOURS) for each in made]
            assert len(slots) == len(set(slots))
            assert len(slots) > 20


def cluster(*members: dict[str, object]) -> ClusterState:
    return ClusterState.from_json({"members": list(members), "scope": "shop"})


class TestWhoMakesIt:
    def test_standbys_come_first_by_name(self):
        state = cluster(member("db2", "leader"), member("db3", "quorum_standby"), member("db1", "sync_standby"))
        assert line(state, "standby") == ("db1", "db3", "db2")

    def test_the_leader_comes_first_where_it_shall(self):
        state = cluster(member("db2", "leader"), member("db1"))
        assert line(state, "leader") == ("db2", "db1")

    @pytest.mark.parametrize("changes", [{"state": "stopped"}, {"lag": "unknown"}, {"state": "starting"}])
    def test_a_standby_that_is_not_fit_is_not_asked(self, changes):
        assert line(cluster(member("db1", **changes), member("db2", "leader")), "standby") == ("db2",)

    def test_one_that_lags_far_behind_is_asked_later(self):
        state = cluster(member("db1", lag=2**30), member("db2", lag=1000), member("db3", "leader"))
        assert line(state, "standby") == ("db2", "db1", "db3")

    def test_nobody_is_asked_in_an_empty_cluster(self):
        assert line(cluster(), "standby") == ()

    def test_the_next_in_line_waits_for_the_one_before_it(self):
        order = ("db1", "db2")
        assert is_turn("db1", order, NOON, NOON)
        assert not is_turn("db2", order, NOON, NOON + PATIENCE - timedelta(seconds=1))
        assert is_turn("db2", order, NOON, NOON + PATIENCE)
        assert not is_turn("db9", order, NOON, NOON + 100 * PATIENCE)
