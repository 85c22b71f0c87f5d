# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a cluster survived a fault as it should: what is wrong, and what came of it in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.fault_drill import MOVES, STAYS, UNNOTICED


@dataclass(frozen=True)
class Leads:
    """Who led, on which timeline."""

    name: str | None = None
    timeline: int | None = None

    def __str__(self) -> str:
        return f"{self.name or 'nobody'} on timeline {self.timeline or '?'}"


@dataclass(frozen=True)
class Course:
    """What was seen. `whole`: seconds from the fault until all was well again, None for not in time; `acted`: whether
    the fault was seen to act; `healed_itself`: the host was faster than the run, which was held up.
    """

    before: Leads
    after: Leads
    acted: bool
    whole: float | None
    healed_itself: bool = False


@dataclass(frozen=True)
class Verdict:
    """Passed where there are no problems."""

    problems: tuple[str, ...]
    lines: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        return {"passed": not self.problems, "problems": list(self.problems), "lines": list(self.lines)}


def judge(plan: Mapping[str, Any], course: Course, felt: Mapping[str, Any]) -> Verdict:
    """`plan` as its filter gave it, `felt` as P(matriarch.pgcluster.probe_summary#filter) does."""
    problems = (*_of_course(plan, course), *_of_clients(plan, felt), *felt.get("problems", ()))
    return Verdict(problems, tuple(_lines(plan, course, felt, problems)))


def _of_course(plan: Mapping[str, Any], course: Course) -> Iterator[str]:
    if not course.acted:
        yield f"{plan['fault']} was not seen to act, so that nothing was shown"
    if plan["leadership"] == STAYS and course.after != course.before:
        yield f"the leader should have stayed: first {course.before}, then {course.after}"
    has_moved = course.after.name not in (None, course.before.name)
    if plan["leadership"] == MOVES and not has_moved:
        yield f"another member should lead: first {course.before}, then {course.after}"
    if course.whole is None:
        yield "the cluster was not whole again in time. Next: ansible-playbook status.yml"


def _of_clients(plan: Mapping[str, Any], felt: Mapping[str, Any]) -> Iterator[str]:
    writers = _writers(felt)
    if not writers:
        yield "no write was acknowledged at all, so that nothing was shown"
    for name, endpoint in writers.items():
        if endpoint["write_gap_ms"] > 1000 * plan["allowed"]:
            gap = endpoint["write_gap_ms"] / 1000
            yield f"writes through {name} paused for {gap:.1f} s; {plan['allowed']:g} s are allowed"
        if plan["fault"] in UNNOTICED and name.startswith("pooled") and endpoint["errors"]:
            yield f"clients of {name} saw {endpoint['errors']} errors, and should see none"
    for key, what in (("lost_acknowledged", "lost"), ("doubled", "written twice")):
        if felt.get(key) is None:
            yield f"whether rows were {what} is not known: they could not be read back"
        elif felt[key]:
            yield f"{felt[key]} acknowledged rows were {what}"


def _writers(felt: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    endpoints = felt.get("endpoints", {})
    return {name: one for name, one in endpoints.items() if one["write_gap_ms"] is not None}


def _lines(
    plan: Mapping[str, Any], course: Course, felt: Mapping[str, Any], problems: tuple[str, ...]
) -> Iterator[str]:
    pauses = ", ".join(f"{one['write_gap_ms'] / 1000:.1f} s through {name}" for name, one in _writers(felt).items())
    whole = "not in time" if course.whole is None else f"{course.whole:.0f} s after the fault began"
    yield f"{plan['fault']} on {plan['target']}: {'FAILED' if problems else 'passed'}"
    yield f"  led           {course.before}, then {course.after}"
    yield f"  writes pause  {pauses or 'without an end'}; {plan['allowed']:g} s are allowed"
    yield f"  errors        {felt.get('errors', '?')}"
    yield f"  rows          {felt.get('lost_acknowledged', '?')} of {felt.get('acknowledged', '?')} acknowledged lost"
    yield f"  whole again   {whole}{', after the host had undone it by itself' if course.healed_itself else ''}"
    yield from (f"  wrong: {problem}" for problem in problems)
