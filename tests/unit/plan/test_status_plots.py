# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.status_plots import (
    COLOURS,
    GROUND,
    LEFT,
    RIGHT,
    TOP,
    changes,
    history,
)

BEGIN, STEP, COUNT = 1795729700.0, 10.0, 60
END = BEGIN + COUNT * STEP


def line(name: str, *values: float | None) -> dict[str, Any]:
    """Values that fill the window evenly, None where nothing is known."""
    points = []
    for number in range(COUNT + 1):
        value = values[number * len(values) // (COUNT + 1)]
        points += [] if value is None else [(BEGIN + number * STEP, value)]
    return {"name": name, "points": points}


def told(*charts: dict[str, Any], leaders: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    usual = [line("db1", 1, 0), line("db2", 0, 1)]
    return {
        "begin": BEGIN,
        "end": END,
        "step": STEP,
        "leaders": usual if leaders is None else leaders,
        "charts": list(charts),
        "full_in_seconds": None,
        "alerts": [],
        **more,
    }


def chart(*lines: dict[str, Any], unit: str = "count", name: str = "sessions") -> dict[str, Any]:
    return {"name": name, "title": "Sessions", "unit": unit, "lines": list(lines)}


def plot(*lines: dict[str, Any], unit: str = "count", name: str = "sessions", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = history(told(chart(*lines, unit=unit, name=name), **more))["plots"][0]
    return found


def places(path: str) -> list[tuple[float, float]]:
    return [
        (float(x), float(y))
        for x, y in (part.split()[:2] for part in path.replace("M", "L").split("L") if part.strip())
    ]


def test_every_line_lies_in_its_frame() -> None:
    for unit in ("count", "rate", "bytes", "seconds", "share"):
        for path in (each["path"] for each in plot(line("db1", 0, 0.7, 0.1), line("db2", 1, 0.3), unit=unit)["lines"]):
            for x, y in places(path):
                assert LEFT <= x <= RIGHT
                assert TOP <= y <= GROUND


def test_a_name_has_one_colour_everywhere_and_members_come_first() -> None:
    found = history(told(chart(line("rw", 1)), chart(line("db2", 1), line("db1", 1)), chart(line("rw", 2))))
    colours = [{each["name"]: each["colour"] for each in plot["lines"]} for plot in found["plots"]]
    assert colours == [{"rw": 2}, {"db2": 1, "db1": 0}, {"rw": 2}]


def test_what_stands_alone_needs_no_name() -> None:
    (drawn,) = plot(line("", 1))["lines"]
    assert (drawn["name"], drawn["colour"]) == ("", COLOURS - 1)


def test_the_last_value_is_told_unless_it_is_of_the_past() -> None:
    lines = plot(line("db1", 3, 7), line("db2", 3, None))["lines"]
    assert [each["last"] for each in lines] == ["7", "-"]


def test_what_is_nearly_nothing_looks_like_it() -> None:
    assert [tick["words"] for tick in plot(line("db1", 0.001), unit="seconds")["up"]] == ["0 s", "0.5 s", "1 s"]
    assert [tick["words"] for tick in plot(line("db1", 0.01), unit="share")["up"]] == ["0 %", "5 %", "10 %"]


def test_a_share_has_no_more_than_all() -> None:
    assert plot(line("db1", 1.0), unit="share")["up"][-1]["words"] == "100 %"


def test_the_time_of_a_change_is_marked() -> None:
    found = history(told())
    assert len(found["marks"]) == 1
    assert found["marks"][0] == pytest.approx((LEFT + RIGHT) / 2, abs=5)


def test_the_same_leader_after_a_pause_is_no_change() -> None:
    assert changes([line("db1", 1, 0, 1), line("db2", 0, 0, 0)]) == []
    assert changes([]) == []


def test_who_led_is_shown_by_member_with_the_times() -> None:
    strip = history(told(leaders=[line("db2", 0, 1), line("db1", 1, 0)]))["strip"]
    assert [row["name"] for row in strip["rows"]] == ["db1", "db2"]
    first, second = strip["rows"][0]["bars"]
    assert (first["leads"], second["leads"]) == (True, False)
    assert second["x"] == pytest.approx(first["x"] + first["width"], abs=0.2)
    assert second["x"] + second["width"] == pytest.approx(strip["right"])
    assert first["words"] == "led from 21:48:20 to 21:53:20 UTC"


def test_nobody_answers_where_there_is_no_bar() -> None:
    bars = history(told(leaders=[line("db1", 1, None, 1)]))["strip"]["rows"][0]["bars"]
    assert len(bars) == 2
    assert bars[1]["x"] - bars[0]["x"] - bars[0]["width"] > 200


def test_a_disk_that_fills_is_said_where_disks_are() -> None:
    assert plot(line("db1", 0.5), unit="share", name="disks", full_in_seconds=7200.0)["note"].startswith("full in 2 h")
    assert plot(line("db1", 0.5), unit="share", name="disks", full_in_seconds=1e9)["note"] == ""
    assert plot(line("db1", 0.5), full_in_seconds=7200.0)["note"] == ""


def test_a_cluster_of_which_nothing_is_known_yet() -> None:
    found = history(told(leaders=[]))
    assert (found["plots"], found["marks"], found["strip"]["rows"], found["span"]) == ([], [], [], "10 min")


def test_the_span_is_about_right() -> None:
    assert history(told(end=BEGIN + 424))["span"] == "7 min"
