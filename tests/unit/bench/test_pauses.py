# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A benchmark tells gaps that were there, and all of them."""

from __future__ import annotations

import random

import pytest
from pauses import Distribution, Phase, longest_gap, percentile, phases


@pytest.mark.parametrize(
    ("acknowledged", "gap"),
    [
        ([9, 11, 12, 13, 21], 8),  # it begins within and ends beyond
        ([2, 11, 12, 19, 20], 9),  # it begins before and ends within
        ([9, 11, 16, 19, 21], 5),  # within
        ([2, 30], 28),  # around
        ([1, 8, 9, 11, 13, 15, 17, 19, 21, 40], 2),  # others do not count
        ([], 10),  # nothing at all
        ([12, 14], 6),  # nothing afterwards
        ([17, 21], 7),  # nothing before
        ([10, 20], 10),  # at the very bounds
        ([5, 10, 13, 16, 20, 40], 4),
    ],
)
def test_the_longest_gap_that_touches_a_time(acknowledged, gap):
    assert longest_gap(acknowledged, 10, 20) == gap


def test_the_longest_gap_is_that_of_looking_at_every_pair():
    some = random.Random(7)
    for _attempt in range(300):
        acknowledged = sorted(some.randint(0, 40) for _number in range(some.randint(0, 12)))
        start, end = sorted(some.sample(range(41), 2))
        before = [moment for moment in acknowledged if moment <= start] or [start]
        after = [moment for moment in acknowledged if moment >= end] or [end]
        moments = [before[-1], *(moment for moment in acknowledged if start < moment < end), after[0]]
        gaps = [b - a for a in moments for b in moments if a <= b and not any(a < moment < b for moment in moments)]
        assert longest_gap(acknowledged, start, end) == max(gaps)


@pytest.mark.parametrize(
    ("values", "percent", "value"),
    [
        ([3.0], 50, 3.0),
        ([3.0], 95, 3.0),
        ([4.0, 1.0, 3.0, 2.0], 50, 2.0),
        ([5.0, 4.0, 1.0, 3.0, 2.0], 50, 3.0),
        (list(range(1, 21)), 95, 19),
        (list(range(1, 101)), 95, 95),
        (list(range(1, 8)), 95, 7),
        ([1.0, 2.0], 0, 1.0),
        ([1.0, 2.0], 100, 2.0),
    ],
)
def test_a_percentile_is_one_of_the_values(values, percent, value):
    assert percentile(values, percent) == value


def test_a_distribution():
    assert Distribution.of([0.5, 0.2, 0.9, 0.3]) == Distribution(0.2, 0.3, 0.9, 0.9)


def test_phases_have_a_share_of_the_pause_and_none_outside_of_it():
    runs = [
        {"preflight": 400, "checkpoint": 900, "drain": 20, "promote": 180, "total_pause": 200, "settle": 90},
        {"preflight": 500, "checkpoint": 100, "drain": 40, "promote": 260, "total_pause": 300},
        {"preflight": 600, "checkpoint": 200, "drain": 30, "promote": 220, "route": 50, "total_pause": 300},
    ]
    assert phases(runs) == [
        Phase("preflight", 500, None),
        Phase("checkpoint", 200, None),
        Phase("drain", 30, 90 / 800),
        Phase("promote", 220, 660 / 800),
        Phase("settle", 90, None),
        Phase("route", 50, 50 / 800),
    ]


def test_phases_of_runs_without_a_pause_have_no_share():
    assert phases([]) == []
    assert phases([{"drain": 20}]) == [Phase("drain", 20, None)]
