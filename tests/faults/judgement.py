"""All rules together: what is wrong with what happened. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from faults import budget as limits
from faults import rules_order, rules_rows
from faults.budget import Budget, Course
from faults.history import Aftermath, History


@dataclass(frozen=True)
class Problem:
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


SAFETY = {
    "lost": rules_rows.lost,
    "doubled": rules_rows.doubled,
    "foreign": rules_rows.foreign,
    "members_differ": rules_rows.members_differ,
    "two_members": rules_order.two_members,
    "beyond_fork": rules_order.beyond_fork,
    "timelines": rules_order.timelines,
    "one_leader_a_timeline": rules_order.one_leader_a_timeline,
}


def judge(history: History, after: Aftermath, course: Course, budget: Budget) -> list[Problem]:
    """Nothing, if all is as it must be."""
    if not rules_rows.acknowledged(history):
        return [Problem("idle", "nothing was acknowledged, so that nothing was shown")]
    return list(_problems(history, after, course, budget))


def _problems(history: History, after: Aftermath, course: Course, budget: Budget) -> Iterator[Problem]:
    for rule, holds in SAFETY.items():
        yield from (Problem(rule, text) for text in holds(history, after))
    yield from (Problem("unwatched", text) for text in rules_order.unwatched(history, after, course))
    yield from (Problem("silence", text) for text in limits.broken_silence(history, course, budget))
    yield from (Problem("stale_reads", text) for text in rules_order.stale_reads(history, budget.stale))
    yield from (Problem("gap", text) for text in limits.over_gap(history, course, budget))
    yield from (Problem("errors", text) for text in limits.over_errors(history, budget))
    yield from (Problem("unstable", text) for text in limits.unstable(course))
    yield from (Problem("leadership", text) for text in limits.leadership(after, course, budget))
