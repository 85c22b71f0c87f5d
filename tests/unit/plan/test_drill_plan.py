# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import shown
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import DrillSettings, Repository
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import DRILL, Trial
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.drill import (
    SPARE,
    due,
    lacking,
    next_repository,
    order,
    whose,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAILY = DrillSettings(24, 3)
WEEKLY = DrillSettings(168, 75)
GIB = 2**30


def trial(hours_ago: float, *problems: str, repositories: tuple[str, ...] = ()) -> Trial:
    return Trial(DRILL, shown(NOW - timedelta(hours=hours_ago)), "db2", repositories, problems)


class TestDue:
    @pytest.mark.parametrize(
        ("drill", "last", "good", "is_due"),
        [
            (DrillSettings(0), None, None, False),
            (DAILY, None, None, True),
            (DAILY, trial(8.9), trial(8.9), False),
            (DAILY, trial(9.1), trial(9.1), True),
            (DAILY, trial(5.9, "bad"), trial(30), False),
            (DAILY, trial(6, "bad"), trial(30), True),
            (DAILY, trial(1, "bad"), trial(8), False),
            (DAILY, trial(1, "bad"), None, False),
            (WEEKLY, trial(24 * 4), trial(24 * 4), False),
            (WEEKLY, trial(24 * 6), trial(24 * 6), True),
        ],
        ids=["none", "first", "done", "slot", "bad", "again", "since", "young", "week", "sunday"],
    )
    def test_since_the_last_hour_of_the_schedule(self, drill, last, good, is_due):
        """Noon of a Friday; the last Sunday's 03:00 is five days and nine hours ago."""
        assert due(drill, last, good, NOW) is is_due


def cluster(*members: dict[str, Any]) -> ClusterState:
    return ClusterState.from_json({"members": list(members), "scope": "shop"})


def member(name: str, role: str = "replica", state: str = "streaming") -> dict[str, Any]:
    return {"name": name, "role": role, "state": "running" if role == "leader" else state, "lag": 0}


THREE = cluster(member("db1", "leader"), member("db2"), member("db3"))


class TestWho:
    @pytest.mark.parametrize(
        ("drill", "even", "names"),
        [
            (DAILY, False, ("db2", "db3")),
            (DAILY, True, ("db2", "db3", "db1")),
            (DrillSettings(source="any"), False, ("db2", "db3", "db1")),
        ],
    )
    def test_the_leader_only_where_it_may(self, drill, even, names):
        assert order(THREE, drill, even_on_leader=even) == names

    def test_not_one_that_does_not_stream(self):
        away = cluster(member("db1", "leader"), {**member("db2", state="stopped"), "lag": "unknown"})
        assert order(away, DAILY) == ()

    @pytest.mark.parametrize(("wished", "who"), [("", "db2"), ("db3", "db3"), ("db1", "")])
    def test_whose_turn_it_is(self, wished, who):
        assert whose(order(THREE, DAILY), wished) == who
        assert whose((), wished) == ""


class TestRepositories:
    BOTH = (Repository("directory", "/a"), Repository("directory", "/b"))

    @pytest.mark.parametrize(("tried", "number"), [(None, 1), ("/a", 2), ("/b", 1), ("/gone", 1)])
    def test_each_in_its_turn(self, tried, number):
        assert next_repository(self.BOTH, trial(1, repositories=(tried,)) if tried else None) == number


class TestRoom:
    def test_what_is_needed_is_told_with_what_is_there(self):
        assert lacking(10 * GIB, 11 * GIB + 2 * SPARE, "/data") == ""
        words = lacking(10 * GIB, 12 * GIB, "/data")
        assert words.startswith("/data has 12.0 GiB free, and a drill needs 13.0 GiB, of which 1.0 GiB stay free.")
        assert "make room for 1.0 GiB more" in words
