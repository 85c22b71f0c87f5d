# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.operation import JOURNAL_KEEPS
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.availability import (
    Run,
    months,
    parsed,
    runs,
    shown,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.availability_text import (
    Report,
    markdown,
    page,
    sentences,
    strip,
)

STEP = 15.0
BEGAN = datetime(2026, 10, 31, 23, 0, tzinfo=UTC).timestamp()
"""An hour before a month's end."""
DAY = 86400.0


def samples(*parts: tuple[float, float | None]) -> list[tuple[float, float]]:
    """Of parts with a length in seconds and a value, or None where nobody watched."""
    found, moment = [], BEGAN
    for seconds, value in parts:
        steps = int(seconds / STEP)
        found += [] if value is None else [(moment + STEP * step, value) for step in range(steps)]
        moment += steps * STEP
    return found


class TestRuns:
    def test_equal_samples_are_one_run(self) -> None:
        assert runs(samples((600, 1), (60, 0), (300, 2)), STEP) == [
            Run(BEGAN, BEGAN + 600, True),
            Run(BEGAN + 600, BEGAN + 660, False),
            Run(BEGAN + 660, BEGAN + 960, True),
        ]

    def test_where_nobody_watched_there_is_none(self) -> None:
        assert runs(samples((600, 1), (300, None), (600, 1)), STEP) == [
            Run(BEGAN, BEGAN + 600, True),
            Run(BEGAN + 900, BEGAN + 1500, True),
        ]

    def test_samples_need_not_be_on_time(self) -> None:
        late = [(moment + (number % 3), value) for number, (moment, value) in enumerate(samples((600, 1)))]
        (one,) = runs(late, STEP)
        assert one.seconds == pytest.approx(600, abs=3)


def computed(parts: list[tuple[float, float | None]], **more: Any) -> Any:
    end = BEGAN + sum(seconds for seconds, _up in parts)
    told = {"history": [], "operations": [], "promised_percent": 99.95, "now": end, **more}
    return months(runs(samples(*parts), STEP), **told)


class TestMonths:
    def test_an_outage_over_the_end_of_a_month_counts_in_both(self) -> None:
        october, november = computed([(3570, 1), (60, 0), (DAY, 1)])
        assert (october.name, october.down_seconds, november.name, november.down_seconds) == (
            "2026-10",
            30,
            "2026-11",
            30,
        )
        assert october.percent == pytest.approx(100 * 3570 / 3600)

    def test_the_promise_is_that_of_the_whole_month(self) -> None:
        """99.95 % of the 30 days of November allow 1296 s."""
        _october, november = computed([(3600, 1), (1290, 0), (DAY, 1)])
        assert november.allowed_seconds == pytest.approx(1296)
        assert november.kept
        assert not computed([(3600, 1), (1305, 0), (DAY, 1)])[1].kept

    def test_time_without_a_watch_counts_neither_way(self) -> None:
        october, _november = computed([(600, 1), (1800, None), (1200, 1), (15, 1)])
        assert (october.up_seconds, october.down_seconds, october.unknown_seconds) == (1800, 0, 1800)
        assert october.percent == 100

    def test_a_month_in_which_nobody_watched_has_no_number(self) -> None:
        found = computed([(600, 1), (40 * DAY, None), (600, 1)])
        assert [month.name for month in found] == ["2026-10", "2026-11", "2026-12"]
        assert found[1].percent is None

    def test_before_the_first_sample_there_is_nothing(self) -> None:
        assert months([], [], [], 99.95, BEGAN) == []

    def test_no_second_is_lost_or_counted_twice(self) -> None:
        parts: list[tuple[float, float | None]] = [
            (3 * DAY, 1),
            (45, 0),
            (9 * DAY, None),
            (30 * DAY, 1),
            (300, 0),
            (DAY, 1),
        ]
        found = computed(parts)
        whole = sum(month.up_seconds + month.down_seconds + month.unknown_seconds for month in found)
        assert whole == pytest.approx(sum(seconds for seconds, _up in parts))


def end(at: float, timeline: int = 1) -> dict[str, Any]:
    return {"timeline": timeline, "lsn": "0/1", "reason": "no recovery target specified", "timestamp": shown(at),
            "new_leader": "db2"}  # fmt: skip


OPERATION = {
    "operation": "switchover",
    "holder": {"who": "ann"},
    "begun_at": shown(BEGAN + 100),
    "finished_at": shown(BEGAN + 130),
    "outcome": "succeeded",
}


class TestChangesOfTheLeader:
    def test_one_that_nobody_wanted(self) -> None:
        (month,) = computed([(600, 1), (30, 0), (600, 1)], history=[end(BEGAN + 625)], operations=[OPERATION])
        (change,) = month.changes
        assert (change.leader, change.timeline, change.cause, change.gap_seconds) == ("db2", 2, "unplanned", 30)

    def test_one_on_purpose_that_was_too_short_to_be_seen(self) -> None:
        (month,) = computed([(600, 1)], history=[end(BEGAN + 110)], operations=[OPERATION])
        (change,) = month.changes
        assert (change.cause, change.gap_seconds) == ("planned: switchover by ann", 0)

    @pytest.mark.parametrize(
        ("outcome", "finished_at"), [("", ""), ("interrupted", shown(BEGAN + 10 * DAY))], ids=["open", "closed later"]
    )
    def test_a_run_that_was_killed_explains_what_came_soon_after_it_alone(self, outcome: str, finished_at: str) -> None:
        killed = {**OPERATION, "outcome": outcome, "finished_at": finished_at}
        history = [end(BEGAN + 110), end(BEGAN + 5 * DAY, timeline=2)]
        found = computed([(6 * DAY, 1)], history=history, operations=[killed])
        causes = [change.cause for month in found for change in month.changes]
        assert causes == ["planned: switchover by ann", "unplanned"]

    def test_a_long_outage_is_told_whole(self) -> None:
        (month,) = computed([(600, 1), (1800, 0), (600, 1)], history=[end(BEGAN + 2400)])
        assert month.changes[0].gap_seconds == 1800

    def test_an_outage_belongs_to_one_change_alone(self) -> None:
        """To that which ended it, where another one was tried in the middle."""
        history = [end(BEGAN + 610), end(BEGAN + 660, timeline=2), end(BEGAN + 720, timeline=3)]
        (month,) = computed([(600, 1), (60, 0), (600, 1)], history=history)
        assert [change.gap_seconds for change in month.changes] == [0, 60, 0]

    def test_what_nobody_watched_is_not_short(self) -> None:
        (month,) = computed([(600, 1), (60, None), (600, 1)], history=[end(BEGAN + 630)])
        assert month.changes[0].gap_seconds is None

    def test_what_the_journal_has_forgotten_is_not_called_unplanned(self) -> None:
        journal = [OPERATION] * JOURNAL_KEEPS
        history = [end(BEGAN + 50), end(BEGAN + 500, timeline=2)]
        (month,) = computed([(600, 1)], history=history, operations=journal)
        assert [change.cause for change in month.changes] == [
            "unknown: the journal of operations begins later",
            "unplanned",
        ]

    def test_one_that_nobody_watched(self) -> None:
        (month,) = computed([(600, 1), (1200, None), (600, 1)], history=[end(BEGAN + 1200)])
        assert month.changes[0].gap_seconds is None

    def test_one_whose_time_nobody_noted_is_left_out(self) -> None:
        (month,) = computed([(600, 1)], history=[{**end(BEGAN), "timestamp": None}])
        assert month.changes == ()


def test_times_are_read_as_patroni_and_the_journal_write_them() -> None:
    assert parsed("2026-11-01T00:00:00.500000+00:00") == parsed("2026-11-01T01:00:00.500000+01:00")
    assert parsed("2026-11-01T00:00:00Z") == parsed("2026-11-01T00:00:00")


@pytest.fixture
def report() -> Report:
    found = computed(
        [(3570, 1), (60, 0), (DAY, 1)], history=[end(BEGAN + 3600), end(BEGAN + 110, 2)], operations=[OPERATION]
    )
    backups: dict[str, dict[str, float | None]] = {
        "2026-10": {"backups": None, "drills": None, "rpo_seconds": None},
        "2026-11": {"backups": 3, "rpo_seconds": 12},
    }
    return Report("<main>|x", BEGAN + DAY, STEP, 99.95, found, backups)


class TestTexts:
    def test_the_text_has_every_month_and_every_leader(self, report: Report) -> None:
        text = markdown(report)
        assert (
            "| 2026-10 (since 2026-10-31T23:00:00Z) | 99.1667 % | 30 s | 1339 s | 30 s | 0 s | 1 | ? | ? | ? |" in text
        )
        assert "| 12 s | 3 | ? |" in text
        assert "planned: switchover by ann | less than 15 s |" in text
        assert "unplanned | 60 s |" in text

    def test_the_page_can_be_read_by_machines_and_shows_names_as_they_are(self, report: Report) -> None:
        written = page(report)
        assert "&lt;main&gt;|x" in written
        assert "<main>" not in written
        ET.fromstring(written.removeprefix("<!doctype html>").replace('<meta charset="utf-8">', ""))

    def test_an_outage_is_never_too_thin_to_be_seen(self, report: Report) -> None:
        bars = list(ET.fromstring(strip(report.months[1])))
        (red,) = [each for each in bars if each.attrib["fill"] == "#d22"]
        assert float(red.attrib["width"]) >= 2
        assert bars[-1] is red, "drawn over the others"

    def test_a_sentence_a_month(self, report: Report) -> None:
        assert [line[:7] for line in sentences(report)] == ["2026-10", "2026-11"]
        nothing = Report("main", BEGAN, STEP, 99.95, [], {})
        assert "Nobody has watched main yet" in sentences(nothing)[0]
