# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a cluster survived a fault as it should."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.fault_verdict import (
    Course,
    Leads,
    Verdict,
    judge,
)

BEFORE, AFTER = Leads("db1", 3), Leads("db2", 4)
PLAN = {"fault": "kill_postgres", "target": "db1", "leadership": "moves", "allowed": 6.7}
UNNOTICED = {"fault": "stop_etcd", "target": "db1", "leadership": "stays", "allowed": 6.7}
MOVED = Course(BEFORE, AFTER, acted=True, whole=12.3)
STAYED = Course(BEFORE, BEFORE, acted=True, whole=12.3)


def felt(gap: float | None = 900.0, errors: int = 0, **changed: Any) -> dict[str, Any]:
    reads = {"write_gap_ms": None, "read_gap_ms": 99999.0, "errors": 7}
    endpoints = {
        "pooled-rw": {"write_gap_ms": gap, "read_gap_ms": None, "errors": errors},
        "rw": {"write_gap_ms": gap, "read_gap_ms": None, "errors": 3},
        "ro": reads,
    }
    return {
        "endpoints": endpoints,
        "errors": errors + 10,
        "acknowledged": 512,
        "lost_acknowledged": 0,
        "doubled": 0,
        "problems": [],
        **changed,
    }


def problems(plan: dict[str, Any], course: Course, clients: dict[str, Any]) -> tuple[str, ...]:
    return judge(plan, course, clients).problems


def test_a_good_one() -> None:
    verdict = judge(PLAN, MOVED, felt())
    assert verdict == Verdict((), verdict.lines)
    told = "\n".join(verdict.lines)
    assert "kill_postgres on db1: passed" in told
    assert "db1 on timeline 3, then db2 on timeline 4" in told
    assert "0.9 s through pooled-rw, 0.9 s through rw; 6.7 s are allowed" in told
    assert "0 of 512 acknowledged lost" in told
    assert "12 s after the fault began" in told
    assert problems(UNNOTICED, STAYED, felt()) == ()


@pytest.mark.parametrize(
    ("plan", "course", "clients", "problem"),
    [
        (PLAN, Course(BEFORE, AFTER, acted=False, whole=1.0), felt(), "was not seen to act"),
        (PLAN, STAYED, felt(), "another member should lead: first db1 on timeline 3, then db1"),
        (PLAN, Course(BEFORE, Leads(), acted=True, whole=1.0), felt(), "then nobody on timeline ?"),
        (UNNOTICED, MOVED, felt(), "the leader should have stayed"),
        (UNNOTICED, Course(BEFORE, Leads("db1", 4), acted=True, whole=1.0), felt(), "the leader should have stayed"),
        (PLAN, Course(BEFORE, AFTER, acted=True, whole=None), felt(), "not whole again in time"),
        (PLAN, MOVED, felt(6701.0), "writes through rw paused for 6.7 s"),
        (PLAN, MOVED, felt(None), "no write was acknowledged at all"),
        (UNNOTICED, STAYED, felt(errors=1), "clients of pooled-rw saw 1 errors"),
        (PLAN, MOVED, felt(lost_acknowledged=2), "2 acknowledged rows were lost"),
        (PLAN, MOVED, felt(doubled=1), "1 acknowledged rows were written twice"),
        (PLAN, MOVED, felt(lost_acknowledged=None), "whether rows were lost is not known"),
        (PLAN, MOVED, felt(problems=["the probe x: its process died"]), "its process died"),
        (PLAN, MOVED, {}, "no write was acknowledged at all"),
    ],
)
def test_each_thing_that_is_not_as_it_should_be(
    plan: dict[str, Any], course: Course, clients: dict[str, Any], problem: str
) -> None:
    verdict = judge(plan, course, clients)
    assert [found for found in verdict.problems if problem in found], verdict.problems
    assert "FAILED" in verdict.lines[0]
    assert set(verdict.problems) == {line.removeprefix("  wrong: ") for line in verdict.lines if "wrong: " in line}


def test_it_may_start_again_or_hand_over_where_it_is_given_time() -> None:
    patient = {**PLAN, "leadership": "any"}
    assert [problems(patient, course, felt()) for course in (STAYED, MOVED)] == [(), ()]


def test_errors_count_only_where_nobody_should_notice() -> None:
    assert problems(PLAN, MOVED, felt(errors=5)) == ()
    assert problems({**UNNOTICED, "fault": "kill_patroni"}, STAYED, felt(errors=5)) == ()


def test_a_host_that_healed_itself_is_told() -> None:
    verdict = judge(PLAN, Course(BEFORE, AFTER, acted=True, whole=90.0, healed_itself=True), felt())
    assert any("undone it by itself" in line for line in verdict.lines)
