# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus remembers of a cluster, laid out for a page: small plots, who led, and what fires. Pure.

Works on what monitoring_info returned. A name has the same colour everywhere, and a change of the leader is a mark on
every plot.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.axes import (
    Point,
    Scale,
    Tick,
    amount,
    area,
    clock,
    duration,
    line,
    moments,
    round_up,
    runs,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.words import moment, plain

Told = Mapping[str, Any]

COLOURS = 8
LEFT, RIGHT, TOP, GROUND, WIDTH, HEIGHT = 52, 332, 8, 112, 340, 132
"""Of a plot, in pixels: its frame within its picture, and the picture."""
ROW, BAR = 26, 14
STRIP = {"left": 96, "right": 1040, "width": 1060}
FORECAST = 30 * 86400
"""Seconds: a disk that is full later than that is no news."""
LOWEST = {"share": 0.1, "seconds": 1.0, "bytes": 1024.0}
"""What a plot shows at least, by unit; else 1. What is nearly nothing shall look like it."""


@dataclass(frozen=True)
class Drawn:
    """One line: its name, its colour's number, its value now for people, the path and the area below it."""

    name: str
    colour: int
    last: str
    path: str
    area: str


@dataclass(frozen=True)
class Plot:
    """One plot; `note` is a sentence below its title."""

    title: str
    note: str
    lines: tuple[Drawn, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]


@dataclass(frozen=True)
class Bar:
    """A time in which a member led, or answered."""

    x: float
    width: float
    leads: bool
    words: str


@dataclass(frozen=True)
class Row:
    """One member's bars, from top to bottom."""

    name: str
    y: int
    bars: tuple[Bar, ...]


def history(told: Told) -> dict[str, Any]:
    """Everything that a page shows of the last hours."""
    colours = colours_of(told)
    changed = changes(told["leaders"])
    return {
        "problem": "",
        "span": duration(float(f"{told['end'] - told['begin']:.2g}")),
        "alerts": [{**_on_one_line(each), "since": moment(each["since"])} for each in told["alerts"]],
        "strip": strip(told),
        "plots": [asdict(_plot(told, chart, colours)) for chart in told["charts"]],
        "marks": [_across(told, LEFT, RIGHT).at(each) for each in changed],
        "frame": {"left": LEFT, "right": RIGHT, "top": TOP, "ground": GROUND, "width": WIDTH, "height": HEIGHT},
    }


def silence(reason: str) -> dict[str, Any]:
    """The same for a Prometheus that did not answer."""
    return {"problem": plain(reason)}


def colours_of(told: Told) -> dict[str, int]:
    """A number for each name: the members first, so that they are told apart best; what stands alone has no name."""
    members = sorted({each["name"] for each in told["leaders"]})
    others = [each["name"] for chart in told["charts"] for each in chart["lines"] if each["name"]]
    names = dict.fromkeys([*members, *others])
    return {"": COLOURS - 1, **{name: number % COLOURS for number, name in enumerate(names)}}


def changes(leaders: Sequence[Told]) -> list[float]:
    """When another member was first seen to lead."""
    seen = sorted((at, each["name"]) for each in leaders for at, value in each["points"] if value >= 1)
    return [at for (_before, former), (at, name) in itertools.pairwise(seen) if name != former]


def _on_one_line(alert: Told) -> dict[str, str]:
    return {name: plain(words) for name, words in alert.items()}


def _across(told: Told, left: float, right: float) -> Scale:
    return Scale(told["begin"], told["end"], left, right)


def _plot(told: Told, chart: Told, colours: Mapping[str, int]) -> Plot:
    unit, step = chart["unit"], told["step"]
    most = max((value for each in chart["lines"] for _at, value in each["points"]), default=0.0)
    top = round_up(max(most, LOWEST.get(unit, 1.0)), unit)
    top = min(top, 1.0) if unit == "share" else top
    across, up = _across(told, LEFT, RIGHT), Scale(0.0, top, GROUND, TOP)
    return Plot(
        title=chart["title"],
        note=_note(told) if chart["name"] == "disks" else "",
        lines=tuple(_drawn(each, unit, step, across, up, colours) for each in chart["lines"]),
        across=tuple(moments(across)),
        up=tuple(Tick(up.at(value), amount(value, unit)) for value in (0.0, top / 2, top)),
    )


def _drawn(told: Told, unit: str, step: float, across: Scale, up: Scale, colours: Mapping[str, int]) -> Drawn:
    points: Sequence[Point] = told["points"]
    latest, value = points[-1]
    is_known = across.end - latest <= 1.5 * step
    return Drawn(
        name=plain(told["name"]),
        colour=colours[told["name"]],
        last=amount(value, unit) if is_known else "-",
        path=line(points, step, across, up),
        area=area(points, step, across, up),
    )


def _note(told: Told) -> str:
    left = told["full_in_seconds"]
    return f"full in {duration(left)}, if it goes on so" if left is not None and left < FORECAST else ""


def strip(told: Told) -> dict[str, Any]:
    """Who led, a row a member."""
    across = _across(told, STRIP["left"], STRIP["right"])
    members = sorted(told["leaders"], key=lambda each: str(each["name"]))
    rows = [
        Row(plain(each["name"]), ROW * number, tuple(_bars(each["points"], told["step"], across)))
        for number, each in enumerate(members)
    ]
    return {
        **STRIP,
        "bar": BAR,
        "height": ROW * len(rows),
        "rows": [asdict(row) for row in rows],
        "across": [asdict(tick) for tick in moments(across)],
    }


def _bars(points: Sequence[Point], step: float, across: Scale) -> Iterator[Bar]:
    """Each point stands for the step before it; where there is none, nobody answered."""
    for run in runs(points, step):
        begin = 0
        for place in range(1, len(run) + 1):
            if place == len(run) or (run[place][1] >= 1) is not (run[begin][1] >= 1):
                yield _bar(run[begin][0] - step, run[place - 1][0], run[begin][1] >= 1, across)
                begin = place


def _bar(begin: float, end: float, leads: bool, across: Scale) -> Bar:
    begin = max(begin, across.begin)
    left = across.at(begin)
    words = f"{'led' if leads else 'answered'} from {clock(begin, True)} to {clock(end, True)} UTC"
    return Bar(left, round(max(across.at(end) - left, 2.0), 1), leads, words)
