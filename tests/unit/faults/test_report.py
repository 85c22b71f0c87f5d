# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of verdicts: runs of a fault in one row, and nothing bad left out."""

from __future__ import annotations

import json

import pytest
from faults.page import page
from faults.plots import acknowledgements, phase_bar
from faults.report import bench_chapters, chapters, markdown, of_one_collection
from faults.table import HEADINGS, rows
from pauses import Phase

SURROUNDINGS = {"machine": "2 cores", "patroni": "4.0"}


def verdict(test="test_A10_power_cut", gap=20.0, problems=(), whole=2.0, errors=1, promised=28.0):
    gaps = {"pooled-rw": gap, "rw": gap + 1}
    return {
        "collection": "abc",
        "test": test,
        "told": "",
        "course": {"healed": 20.0, "stable": whole, "ended": 30.0},
        "acknowledged": {"begin": -3.0, "step": 0.5, "counts": {"pooled-rw": [4, 0, 2], "rw": [1, 0, 1]}},
        "problems": list(problems),
        "gaps": gaps,
        "promised": {"rw": promised},
        "errors": {"rw": errors},
        "seconds_until_whole": whole,
    }


def test_runs_of_a_fault_share_a_row():
    (row,) = rows([verdict(gap=20.0), verdict(gap=22.0), verdict(gap=21.0, whole=5.0)])
    assert row[:3] == ("A10 power cut", "3", "as it must be")
    assert row[3:7] == ("21.0 / 22.0 s", "22.0 / 23.0 s", "-", "-")
    assert row[7:] == ("3", "0", "2.0 / 5.0 s")


def test_what_was_bad_is_said():
    (row,) = rows([verdict(), verdict(problems=["lost: 3 rows", "gap: long"], whole=None)])
    assert (row[2], row[8], row[9]) == ("1 with problems", "in 1 runs", "never")


def test_a_promise_that_was_not_kept_is_told_where_the_test_let_it_pass():
    (row,) = rows([verdict(), verdict(gap=40.0)])
    assert row[2:5] == ("1 later than promised", "20.0 / 40.0 s", "21.0 / 41.0 s (promised: 28.0 s)")


FAILED = {"test": "test_A10_power_cut", "collection": "abc", "failed": "call: no sign of it in the journal"}


@pytest.mark.parametrize(("verdicts", "runs"), [([verdict(), FAILED], "1"), ([FAILED], "0")], ids=["judged", "not"])
def test_a_test_that_failed_is_told_whatever_its_verdict(verdicts, runs):
    (row,) = rows(verdicts)
    assert row[:3] == ("A10 power cut", runs, "1 with problems")
    (told,) = chapters(verdicts)
    assert told.remarks == ["call: no sign of it in the journal"]


def test_verdicts_of_other_code_are_left_out():
    assert of_one_collection([verdict(), {**verdict(), "collection": "abd"}], "abc") == [verdict()]


def test_every_fault_is_in_both_reports():
    verdicts = [verdict(), verdict("test_B01_leader_isolated", problems=["gap: <long>"])]
    table = rows(verdicts)
    told = markdown(table, SURROUNDINGS)
    shown = page("Faults", "meaning", SURROUNDINGS, [HEADINGS, *table], chapters(verdicts))
    for word in (*HEADINGS, "A10 power cut", "B01 leader isolated", "2 cores"):
        assert word in told
        assert word in shown
    assert "gap: &lt;long&gt;" in shown
    assert shown.count("<svg") == len(verdicts)


def test_the_newest_run_is_drawn():
    (chapter,) = chapters([verdict(), {**verdict(), "told": "the newest"}])
    assert chapter.remarks == ["the newest"]


@pytest.mark.parametrize("whole", [2.0, None])
def test_a_picture_has_every_endpoint_and_shows_where_nothing_was_acknowledged(whole):
    picture = acknowledgements(verdict(whole=whole))
    assert all(f">{endpoint}<" in picture for endpoint in ("pooled-rw", "rw"))
    # Columns end at the height that they stand for: full, on the ground, half.
    assert [f"V{part.split('h')[0]}h" for part in picture.split("V")[1:4]] == ["V4.0h", "V34.0h", "V19.0h"]
    assert ("#b5555f" in picture) == (whole is not None)


def test_phases_share_a_bar_by_their_time():
    picture = phase_bar([Phase("stop", 300.0, 0.75), Phase("settle", 100.0, None)])
    assert 'width="645.0"' in picture
    assert 'width="215.0"' in picture
    assert "stop: 300 ms" in picture


def test_benchmarks_are_shown_where_they_ran(tmp_path):
    assert bench_chapters(tmp_path) == []
    (tmp_path / "switchover.json").write_text(json.dumps({"phases": [{"stop": 300.0, "total_pause": 400.0}]}))
    (tmp_path / "overhead.txt").write_text("way tps")
    switchover, overhead = bench_chapters(tmp_path)
    assert "<svg" in switchover.picture
    assert overhead.remarks == ["way tps"]
