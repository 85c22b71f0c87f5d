# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
import math

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.axes import (
    MOST_TICKS,
    Scale,
    amount,
    area,
    line,
    moments,
    round_up,
)

ACROSS = Scale(1000.0, 1100.0, 0.0, 100.0)
UP = Scale(0.0, 10.0, 100.0, 0.0)


@pytest.mark.parametrize(
    ("value", "top"),
    [(0, 1), (1, 1), (1.1, 2), (3, 5), (7, 10), (10, 10), (11, 20), (0.03, 0.05), (999, 1000), (12345, 20000)],
)
def test_the_top_is_round(value: float, top: float) -> None:
    assert round_up(value) == pytest.approx(top)


@pytest.mark.parametrize(
    ("value", "top"), [(100, 100), (1500, 2048), (1024, 1024), (600 * 1024, 1000 * 1024), (1100 * 1024, 2 * 1024**2)]
)
def test_bytes_are_round_in_their_own_units(value: float, top: float) -> None:
    assert round_up(value, "bytes") == pytest.approx(top)


def test_the_top_is_never_below_nor_far_above_the_value() -> None:
    for exponent in range(-40, 120):
        value = 1.37**exponent
        for unit in ("count", "bytes", "seconds"):
            assert value <= round_up(value, unit) <= 2.5 * value * (1 + 1e-9)


@pytest.mark.parametrize(("value", "top"), [(45, 50), (60, 100), (61, 120), (301, 600), (7000, 7200), (100000, 172800)])
def test_long_times_are_round_in_their_own_units(value: float, top: float) -> None:
    assert round_up(value, "seconds") == top


def test_a_line_goes_through_its_points() -> None:
    assert line([(1000, 0), (1010, 5), (1020, 10)], 10, ACROSS, UP) == "M0 100 L10 50 L20 0"


def test_a_line_is_broken_where_nothing_is_known() -> None:
    assert line([(1000, 0), (1010, 5), (1050, 5), (1060, 5)], 10, ACROSS, UP) == "M0 100 L10 50 M50 50 L60 50"


def test_a_lone_point_is_seen() -> None:
    assert line([(1000, 0), (1010, 5), (1050, 5)], 10, ACROSS, UP) == "M0 100 L10 50 M50 50 h0"
    assert area([(1050, 5)], 10, ACROSS, UP) == ""


def test_an_area_stands_on_the_ground() -> None:
    assert area([(1010, 5), (1020, 10)], 10, ACROSS, UP) == "M10 50 L20 0 V100 H10 z"


@pytest.mark.parametrize("hours", [1 / 60, 5 / 60, 0.5, 1, 3, 6, 24, 72])
def test_there_are_a_few_ticks_at_round_times(hours: float) -> None:
    begin = 1795729730.6
    ticks = moments(Scale(begin, begin + hours * 3600, 0.0, 300.0))
    assert 2 <= len(ticks) <= MOST_TICKS + 1
    assert all(0 <= tick.at <= 300 for tick in ticks)
    assert len({round(b.at - a.at) for a, b in itertools.pairwise(ticks)}) <= 2


def test_ticks_of_a_short_time_have_seconds() -> None:
    assert [tick.words for tick in moments(Scale(1795651200.0, 1795651240.0, 0.0, 300.0))][1] == "00:00:10"


def test_ticks_are_times_of_the_day() -> None:
    day = 1795651200.0
    assert [tick.words for tick in moments(Scale(day, day + 600, 0.0, 300.0))] == [
        "00:00", "00:02", "00:04", "00:06", "00:08", "00:10",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0, "count", "0"),
        (0.25, "count", "0.25"),
        (1234, "rate", "1234"),
        (12500, "rate", "12.5 k"),
        (3e6, "count", "3 M"),
        (1536, "bytes", "1.5 KiB"),
        (0, "seconds", "0 s"),
        (0.0123, "seconds", "0.0123 s"),
        (0.0000001, "seconds", "1 ms"),
        (90, "seconds", "90 s"),
        (150, "seconds", "2.5 min"),
        (21600, "seconds", "6 h"),
        (86400 * 3, "seconds", "3 d"),
        (0.5, "share", "50 %"),
        (0.98765, "share", "98.8 %"),
    ],
)
def test_a_value_has_its_unit(value: float, unit: str, words: str) -> None:
    assert amount(value, unit) == words


def test_a_number_is_short() -> None:
    assert all(len(amount(10.0**power * math.pi, "count")) <= 8 for power in range(-4, 14))
