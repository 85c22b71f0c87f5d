# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From logs to what an operator reads, for one probe and for several."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.filter.probe import FilterModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.log import StreamLog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.report import Settlement, iso, report, settle

summary = FilterModule().filters()["probe_summary"]
WRITER = StreamLog("rw#1", "rw", "write", attempts=6, acknowledged=3, last=9.0, failed=(2,), unknown=(5,), errors=2)
READER = StreamLog("ro#1", "ro", "read", attempts=4, acknowledged=4, last=9.0, gap=0.5, gap_began=2.0)

ROWS = [
    # (the numbers in the table, how many acknowledged ones are lost, how many are doubled)
    ([1, 3, 4, 6], 0, 0),
    ([1, 3, 4, 5, 6], 0, 0),
    ([1, 3], 2, 0),
    ([], 4, 0),
    ([1, 3, 3, 4, 6, 6, 6], 0, 3),
    ([1, 1, 4], 2, 1),
]


@pytest.mark.parametrize(("numbers", "lost", "doubled"), ROWS)
def test_the_table_is_compared_with_what_was_acknowledged(numbers, lost, doubled):
    rows = [("rw#1", number) for number in numbers] + [("rw#2", 1)]
    assert settle([WRITER, READER], rows) == {"rw#1": Settlement(lost, doubled)}


def test_a_row_that_was_there_before_it_was_written_is_doubled():
    log = WRITER.sending().denied("duplicate key", maybe_done=True, twice=True)
    assert settle([log], [("rw#1", n) for n in (1, 3, 4, 6, 7)])["rw#1"] == Settlement(0, 1)


def test_an_endpoint_is_as_slow_as_its_slowest_client():
    other = replace(WRITER, stream="rw#2", gap=2.5, gap_began=4.0, samples=("b", "c", "d"), unknown=())
    logs = [replace(WRITER, gap=0.1, gap_began=1.0, samples=("a",)), other, READER]
    settled = {"rw#1": Settlement(1, 0), "rw#2": Settlement(2, 1)}
    told = report(logs, 1_000_000_000.0, settled)
    assert list(told) == ["rw", "ro"]
    assert told["rw"].facts() == {
        "write_gap_ms": 2500.0,
        "read_gap_ms": None,
        "gap_began_at": "2001-09-09T01:46:44.000Z",
        "acknowledged": 6,
        "unknown": 1,
        "errors": 4,
        "error_samples": ["a", "b", "c"],
        "lost_acknowledged": 3,
        "doubled": 1,
    }
    ro = told["ro"]
    assert (ro.read_gap_ms, ro.write_gap_ms, ro.unknown, ro.lost_acknowledged) == (500.0, None, 0, None)


def test_what_never_began_has_no_gap_and_what_was_not_read_back_no_losses():
    told = report([StreamLog("rw#1", "rw", "write", attempts=3)], 0.0, None)["rw"]
    assert (told.write_gap_ms, told.gap_began_at, told.lost_acknowledged, told.doubled) == (None, None, None, None)


def test_dates_are_utc_with_milliseconds():
    assert iso(0.0625) == "1970-01-01T00:00:00.062Z"


def result(run="a", problem=None, **endpoints):
    return {"run": run, "problem": problem, "endpoints": endpoints}


def writer(gap=30.0, **changed):
    return {
        "write_gap_ms": gap,
        "read_gap_ms": None,
        "gap_began_at": f"at-{gap}",
        "acknowledged": 100,
        "unknown": 0,
        "errors": 0,
        "error_samples": [],
        "lost_acknowledged": 0,
        "doubled": 0,
        **changed,
    }


def reader(gap=30.0, **changed):
    audited = {"lost_acknowledged": None, "doubled": None}
    return writer(None, read_gap_ms=gap, gap_began_at=f"at-{gap}", **audited) | changed


def test_several_probes_become_one_report():
    told = summary([
        result(rw=writer(300.0, errors=1, error_samples=["x"]), ro=reader(50.0)),
        {"skipped": True},
        result("b", rw=writer(900.0, lost_acknowledged=2, unknown=1), pooled=writer(10.0)),
    ])  # fmt: skip
    assert (told["write_gap_ms"], told["read_gap_ms"], told["errors"], told["lost_acknowledged"]) == (900.0, 50.0, 1, 2)
    rw = told["endpoints"]["rw"]
    assert (rw["write_gap_ms"], rw["gap_began_at"], rw["acknowledged"]) == (900.0, "at-900.0", 200)
    assert told["lines"] == [
        "rw      longest write gap 900 ms from at-900.0, 1 error, 2 of 200 acknowledged rows lost, "
        "1 of unknown outcome (the first: x)",
        "ro      longest read gap 50 ms from at-50.0, 0 errors",
        "pooled  longest write gap 10 ms from at-10.0, 0 errors, 0 of 100 acknowledged rows lost",
    ]


def test_no_loss_is_claimed_unless_every_table_was_read_back():
    told = summary([result(rw=writer()), result("b", "no leader", rw=writer(lost_acknowledged=None, doubled=None))])
    assert told["lost_acknowledged"] is None
    assert told["problems"] == ["the probe b: no leader"]
    assert told["lines"][0].endswith("200 acknowledged rows not read back")
    assert told["lines"][-1] == "the probe b: no leader"


@pytest.mark.parametrize("nothing", [[], [{}], [{"failed": True, "msg": "x"}], [result()]])
def test_nothing_was_measured(nothing):
    told = summary(nothing)
    assert (told["endpoints"], told["write_gap_ms"], told["lost_acknowledged"]) == ({}, None, None)
    assert told["lines"] == ["nothing was measured"]


def test_a_dead_probes_end_is_told_even_if_it_measured_nothing():
    assert summary([result(problem="its process died")])["lines"] == ["the probe a: its process died"]


def test_a_silent_endpoint_is_told_as_such():
    silent = writer(None, acknowledged=0, gap_began_at=None, errors=0)
    assert summary([result(rw=silent)])["lines"] == ["rw  nothing was acknowledged, 0 errors"]


def test_what_is_no_list_of_results_is_an_error_of_ansible():
    nonsenses: tuple[object, ...] = ("text", {"endpoints": {}}, ["text"], None)
    for nonsense in nonsenses:
        with pytest.raises(AnsibleFilterError, match="needs a list of results"):
            summary(nonsense)


def test_the_order_of_the_probes_changes_no_number():
    chance = random.Random(7)
    for _case in range(200):
        results = [
            result(str(n), rw=writer(chance.uniform(1, 999), errors=chance.randint(0, 3)), ro=reader(chance.random()))
            for n in range(chance.randint(1, 5))
        ]
        mixed = chance.sample(results, len(results))
        keys = ("write_gap_ms", "read_gap_ms", "errors", "acknowledged", "lost_acknowledged", "doubled", "unknown")
        assert {key: summary(results)[key] for key in keys} == {key: summary(mixed)[key] for key in keys}
        assert summary(results)["write_gap_ms"] == max(one["endpoints"]["rw"]["write_gap_ms"] for one in results)
