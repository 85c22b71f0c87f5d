# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How numbers over time lie on a small plot: scales, ticks and the paths of lines, in pixels. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.words import size

Point = tuple[float, float]

TIMES = (10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Seconds between ticks that people find round."""
MOST_TICKS = 6


@dataclass(frozen=True)
class Tick:
    """One word on an axis, and where it stands."""

    at: float
    words: str


@dataclass(frozen=True)
class Scale:
    """Values from begin to end on pixels from first to last, the larger of which may be the first."""

    begin: float
    end: float
    first: float
    last: float

    def at(self, value: float) -> float:
        share = (value - self.begin) / (self.end - self.begin)
        return round(self.first + share * (self.last - self.first), 1)


def round_up(value: float, unit_of_it: str = "count") -> float:
    """The next of 1, 2 and 5 times a power of ten; of bytes in KiB, MiB and so on, of seconds in minutes and hours."""
    if value <= 0:
        return 1.0
    if unit_of_it == "seconds" and value > 60:
        return next((float(each) for each in TIMES if each >= value), 86400 * round_up(value / 86400))
    unit = 1.0
    while unit_of_it == "bytes" and value >= 1024 * unit:
        unit *= 1024
    power = 10.0 ** math.floor(math.log10(value / unit))
    return next(step * power for step in (1, 2, 5, 10) if step * power * unit >= value) * unit


def runs(points: Sequence[Point], step: float) -> Iterator[Sequence[Point]]:
    """The points without those parts of the time in which there is none."""
    begin = 0
    for place in range(1, len(points) + 1):
        if place == len(points) or points[place][0] - points[place - 1][0] > 1.5 * step:
            yield points[begin:place]
            begin = place


def line(points: Sequence[Point], step: float, across: Scale, up: Scale) -> str:
    """The path of a line; where nothing is known it is broken, and a lone point is a dot."""
    return " ".join(_line(run, across, up) for run in runs(points, step))


def _line(run: Sequence[Point], across: Scale, up: Scale) -> str:
    places = " L".join(f"{across.at(moment):g} {up.at(value):g}" for moment, value in run)
    return f"M{places}" if len(run) > 1 else f"M{places} h0"


def area(points: Sequence[Point], step: float, across: Scale, up: Scale) -> str:
    """The path around what lies below a line."""
    return " ".join(_area(run, across, up) for run in runs(points, step) if len(run) > 1)


def _area(run: Sequence[Point], across: Scale, up: Scale) -> str:
    ground = f"{up.first:g}"
    return f"{_line(run, across, up)} V{ground} H{across.at(run[0][0]):g} z"


def moments(across: Scale) -> list[Tick]:
    """Ticks at round times, in UTC."""
    every = next((each for each in TIMES if (across.end - across.begin) / each <= MOST_TICKS), TIMES[-1])
    first = math.ceil(across.begin / every) * every
    return [Tick(across.at(moment), clock(moment, every < 60)) for moment in range(first, int(across.end) + 1, every)]


def clock(moment: float, seconds: bool = False) -> str:
    """A time of the day in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M:%S" if seconds else "%H:%M")


def amount(value: float, unit: str) -> str:
    """A value with its unit: count, rate, bytes, seconds or share (1 is all of it)."""
    if unit == "bytes":
        return size(round(value))
    if unit == "share":
        return f"{100 * value:.3g} %"
    return duration(value) if unit == "seconds" else number(value)


def number(value: float) -> str:
    """Three digits that count: "0.25", "12", "12.5 k", "3 M"."""
    for least, unit, letter in ((1e12, 1e12, "T"), (1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= least:
            return f"{value / unit:.3g} {letter}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """A length of time in the largest unit of which there are two: "90 s", "3 min", "2.5 h", "4 d"."""
    for unit, letter in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.3g} {letter}"
    return f"{seconds:.3g} s" if seconds >= 0.001 or not seconds else "1 ms"
