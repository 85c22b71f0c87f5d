"""One fault from its beginning to its verdict: clients at work, the fault, its end, and what is left of it all."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import psycopg
from client_load import Load
from integration.operations import WHOLE_SECONDS, is_whole, standing

from faults import aftermath
from faults.arena import Arena, NotSo, until
from faults.budget import STABLE_SECONDS, Course, broken, gaps
from faults.clients import Client, Writer
from faults.fault import Fault
from faults.history import History, Outcome
from faults.judgement import Problem, judge
from faults.load import POOLED, clients, noted
from faults.monitor import Monitor

ACTING_SECONDS = 20.0
CALM_SECONDS = 2.0
MakeFault = Callable[[Arena, str], Fault]


@dataclass(frozen=True)
class Verdict:
    """What came of a fault: what is wrong, and what clients felt."""

    fault: str
    problems: list[Problem]
    history: History
    course: Course
    timeline: int
    told: str

    @property
    def gaps(self) -> dict[str, float]:
        """Seconds without an acknowledgement, the longest of an endpoint."""
        return gaps(self.history, self.course)

    @property
    def errors(self) -> Counter[str]:
        """Statements that failed, by endpoint."""
        return broken(self.history)

    @property
    def outcomes(self) -> Counter[Outcome]:
        return Counter(write.outcome for write in self.history.writes)

    def count(self, rule: str) -> int:
        return sum(problem.rule == rule for problem in self.problems)

    @property
    def rules(self) -> set[str]:
        return {problem.rule for problem in self.problems}

    def __str__(self) -> str:
        """One line, and one for each problem."""
        felt = ", ".join(f"{endpoint} {gap:.2f} s" for endpoint, gap in self.gaps.items())
        failed = ", ".join(f"{endpoint} {count}" for endpoint, count in self.errors.items()) or "none"
        counts = ", ".join(f"{count} {outcome.value}" for outcome, count in self.outcomes.items())
        stable = "never" if self.course.stable is None else f"{self.course.stable - self.course.healed:.1f} s"
        line = f"{self.fault}: gaps {felt}; errors {failed}; rows {counts}; whole {stable} after the fault"
        line += f"; timeline {self.course.timeline} -> {self.timeline}" + (f"; {self.told}" if self.told else "")
        return "\n".join([line, *map(str, self.problems)])


def run(arena: Arena, make: MakeFault, options: str = "") -> Verdict:
    """The verdict on one fault; raises NotSo when it could not be seen to act, which proves nothing."""
    until("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(arena.cluster))
    leads, timeline = standing(arena.connect, arena.cluster)
    fault = make(arena, leads.name)
    with Monitor(arena.lab, arena.cluster) as monitor, clients(arena.cluster, arena.database, options) as load:
        try:
            fault.prepare()
            load.wait_for_everybody()
            time.sleep(CALM_SECONDS)
            injected = time.monotonic()
            try:
                fault.inject()
                until(f"{type(fault).__name__} acts", ACTING_SECONDS, fault.acts)
                last(fault, load, injected)
            finally:
                fault.heal()
        finally:
            restore(fault)
        healed = time.monotonic()
        stable = settle(arena, load, healed)
        time.sleep(CALM_SECONDS)
    history = replace(noted(load), samples=monitor.samples)
    course = Course(injected, healed, stable, time.monotonic(), leads.name, timeline)
    left = aftermath.gather(arena, load.clients[0].run_id)
    problems = judge(history, left, course, fault.budget())
    return Verdict(type(fault).__name__, problems, history, course, left.timeline, fault.told())


def last(fault: Fault, load: Load[Client], injected: float) -> None:
    """For as long as the fault is to last."""
    end = injected + fault.seconds
    while time.monotonic() < end and not (fault.until_moved and moved(fault, load)):
        time.sleep(0.1)


def moved(fault: Fault, load: Load[Client]) -> bool:
    """Whether every client of the pooled endpoint has been acknowledged its last row by another member."""
    pooled = [client for client in load.clients if isinstance(client, Writer) and client.service == POOLED]
    places = [client.writes[-1].place for client in pooled]
    return all(place is not None and place.member != fault.leader for place in places)


def restore(fault: Fault) -> None:
    deadline = time.monotonic() + WHOLE_SECONDS
    while True:
        try:
            return fault.restore()
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def settle(arena: Arena, load: Load[Client], healed: float) -> float | None:
    """The moment from which on the cluster is whole and every client was served again; None when it takes too long."""
    try:
        until("the cluster is whole", STABLE_SECONDS, lambda: whole(arena))
        load.wait_for_everybody(max(1.0, healed + STABLE_SECONDS - time.monotonic()))
    except (NotSo, TimeoutError):
        return None
    return time.monotonic()


def whole(arena: Arena) -> bool:
    try:
        return is_whole(arena.cluster) and bool(standing(arena.connect, arena.cluster))
    except (psycopg.Error, ValueError):  # somebody does not answer, or nobody leads
        return False
