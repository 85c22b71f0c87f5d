"""What came of a fault: what is wrong, and what clients felt. As a line to read, and for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from faults.budget import Budget, Course, broken, gaps
from faults.fault import Fault
from faults.history import History, Outcome
from faults.judgement import Problem
from faults.rules_rows import acknowledged

STEP_SECONDS = 0.5
BEFORE_SECONDS = 3.0


@dataclass(frozen=True)
class Verdict:
    fault: Fault
    problems: list[Problem]
    history: History
    course: Course
    budget: Budget
    timeline: int

    @property
    def rules(self) -> set[str]:
        """Those that were broken."""
        return {problem.rule for problem in self.problems}

    @property
    def gaps(self) -> dict[str, float]:
        """Seconds without an acknowledgement, the longest of an endpoint."""
        return gaps(self.history, self.course)

    @property
    def promised(self) -> dict[str, float]:
        """Seconds, of the endpoints that something is promised for: a test lets more pass."""
        return {endpoint: limit.promised for endpoint, limit in self.budget.gap.items()}

    @property
    def errors(self) -> Counter[str]:
        """Statements that failed, by endpoint."""
        return broken(self.history)

    @property
    def outcomes(self) -> Counter[Outcome]:
        return Counter(write.outcome for write in self.history.writes)

    @property
    def settled(self) -> float | None:
        """Seconds from the end of the fault until all was well; None for never."""
        return None if self.course.stable is None else self.course.stable - self.course.healed

    def as_dict(self) -> dict[str, Any]:
        return {
            "fault": type(self.fault).__name__,
            "told": self.fault.told(),
            "problems": list(map(str, self.problems)),
            "gaps": self.gaps,
            "promised": self.promised,
            "errors": dict(self.errors),
            "rows": {outcome.value: count for outcome, count in self.outcomes.items()},
            "seconds_until_whole": self.settled,
            "course": {
                "healed": self.course.healed - self.course.injected,
                "stable": None if self.course.stable is None else self.course.stable - self.course.injected,
                "ended": self.course.ended - self.course.injected,
            },
            "acknowledged": rates(self.history, self.course),
            "timelines": [self.course.led[1], self.timeline],
        }

    def __str__(self) -> str:
        """One line, and one for each problem."""
        felt = ", ".join(f"{endpoint} {gap:.2f} s{self._excess(endpoint, gap)}" for endpoint, gap in self.gaps.items())
        failed = ", ".join(f"{endpoint} {count}" for endpoint, count in self.errors.items()) or "none"
        counts = ", ".join(f"{count} {outcome.value}" for outcome, count in self.outcomes.items())
        stable = "never" if self.settled is None else f"after {self.settled:.1f} s"
        parts = [f"{type(self.fault).__name__}: gaps {felt}", f"errors {failed}", f"rows {counts}", f"whole {stable}"]
        parts += [f"timeline {self.course.led[1]} -> {self.timeline}", self.fault.told()]
        return "\n".join(["; ".join(filter(None, parts)), *map(str, self.problems)])

    def _excess(self, endpoint: str, gap: float) -> str:
        promised = self.promised.get(endpoint, gap)
        return f" (promised: {promised:.1f} s)" if gap > promised else ""


def rates(history: History, course: Course) -> dict[str, Any]:
    """How many rows each endpoint was acknowledged in every half second, from some time before the fault on."""
    begin = course.injected - BEFORE_SECONDS
    steps = int((course.ended - begin) / STEP_SECONDS) + 1
    counts = {write.endpoint: [0] * steps for write in history.writes}
    for write in acknowledged(history):
        step = int((write.answered - begin) // STEP_SECONDS)
        if 0 <= step < steps:
            counts[write.endpoint][step] += 1
    return {"begin": -BEFORE_SECONDS, "step": STEP_SECONDS, "counts": counts}
