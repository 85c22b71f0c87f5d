"""What a fault may cost its clients, and the rules that hold it to that. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pauses import longest_gap

from faults.history import REPLICAS, Aftermath, History, Outcome
from faults.rules_rows import acknowledged

STABLE_SECONDS = 300.0
ON_ITS_WAY_SECONDS = 1.0  # an acknowledgement
WATCHED_SECONDS = 3.0
Leadership = Literal["stays", "moves", "any"]


@dataclass(frozen=True)
class Limit:
    """In seconds: what the product promises, and what a test lets pass."""

    promised: float
    allowed: float

    def later(self, seconds: float) -> Limit:
        """The same, beginning so much later."""
        return Limit(self.promised + seconds, self.allowed + seconds)


@dataclass(frozen=True)
class Budget:
    """What is allowed. An endpoint that is not named has no limit there.

    gap: how long a client may be without an acknowledgement; errors: sessions that may break, all clients of the
    endpoint together; stale: seconds by which a read may be behind; silent_after: seconds from which on, after the
    fault acts and until it is undone, nobody may be acknowledged anything.
    """

    gap: Mapping[str, Limit] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)
    stale: float = 0.0
    silent_after: float | None = None
    leadership: Leadership = "any"


@dataclass(frozen=True)
class Course:
    """When the fault was there, and from when on all was well again without help (never, perhaps).

    `led` and `leads` are a member and its timeline: who led before, and who did when all was well.
    """

    injected: float
    acting: float
    healing: float
    healed: float
    stable: float | None
    ended: float
    led: tuple[str, int]
    leads: tuple[str, int] | None = None

    @property
    def watched(self) -> float:
        """From when on everybody has to have been watched."""
        return self.injected - WATCHED_SECONDS


def gaps(history: History, course: Course) -> dict[str, float]:
    """The longest time, in seconds, that one client of each endpoint was without an acknowledgement.

    Of an endpoint of replicas: without an answer.
    """
    reads = [read for read in history.reads if read.endpoint in REPLICAS]
    moments: dict[tuple[str, str], list[float]] = {(write.endpoint, write.worker): [] for write in history.writes}
    moments |= {(read.endpoint, read.client): [] for read in reads}
    for write in acknowledged(history):
        moments[write.endpoint, write.worker].append(write.answered)
    for read in reads:
        if read.newest is not None:
            moments[read.endpoint, read.client].append(read.answered)
    longest: dict[str, float] = defaultdict(float)
    for (endpoint, _worker), answered in moments.items():
        gap = longest_gap(sorted(answered), course.injected, course.ended)
        longest[endpoint] = max(longest[endpoint], gap)
    return dict(longest)


def broken(history: History) -> Counter[str]:
    """How many statements of open sessions failed, by endpoint; who could not connect is counted by the gap."""
    writes = (write.endpoint for write in history.writes if write.outcome is not Outcome.OK)
    reads = (read.endpoint for read in history.reads if read.newest is None)
    return Counter([*writes, *reads])


def over_gap(history: History, course: Course, budget: Budget) -> Iterator[str]:
    for endpoint, gap in gaps(history, course).items():
        limit = budget.gap.get(endpoint)
        if limit and gap > limit.allowed:
            yield f"a client of {endpoint} was served nothing for {gap:.1f} s; {limit.allowed:.1f} s are allowed"


def over_errors(history: History, budget: Budget) -> Iterator[str]:
    for endpoint, count in broken(history).items():
        if count > budget.errors.get(endpoint, count):
            said = Counter(write.error for write in history.writes if write.endpoint == endpoint and write.error)
            told = "; ".join(f"{number} x {error}" for error, number in said.most_common(3))
            yield f"{count} statements of {endpoint} failed, {budget.errors[endpoint]} may: {told}"


def broken_silence(history: History, course: Course, budget: Budget) -> Iterator[str]:
    """Whether somebody was acknowledged a row while nobody may be; what was under way may still arrive."""
    if budget.silent_after is None:
        return
    begin = course.acting + budget.silent_after + ON_ITS_WAY_SECONDS
    told = sorted(write.answered for write in acknowledged(history) if begin < write.answered < course.healing)
    if told:
        yield f"{len(told)} rows were acknowledged from {told[0] - course.acting:.1f} s after the fault acted"


def unstable(course: Course) -> Iterator[str]:
    if course.stable is None:
        yield f"the cluster was not whole again {STABLE_SECONDS:.0f} s after the fault was over"


def leadership(after: Aftermath, course: Course, budget: Budget) -> Iterator[str]:
    """Whether it moved, or stayed, as the fault wants it."""
    before, now = course.led, course.leads or (after.leader, after.timeline)
    said = f"{before[0]} led on timeline {before[1]}, now {now[0]} leads on timeline {now[1]}"
    if budget.leadership == "stays" and now != before:
        yield f"leadership should have stayed: {said}"
    if budget.leadership == "moves" and (now[0] == before[0] or now[1] <= before[1]):
        yield f"leadership should have moved: {said}"
