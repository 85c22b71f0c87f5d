"""What a client felt: gaps between acknowledgements, their distribution, and where the time went. Pure functions."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

TOTAL = "total_pause"
# What happens before clients are held and after they are released.
OUTSIDE = ("preflight", "checkpoint", "prepare", "settle")


@dataclass(frozen=True)
class Distribution:
    """Seconds of several runs."""

    smallest: float
    p50: float
    p95: float
    largest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Distribution:
        return cls(min(values), percentile(values, 50), percentile(values, 95), max(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that at least so many percent of them do not exceed: no value that nobody measured."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def longest_gap(acknowledged: Sequence[float], start: float, end: float) -> float:
    """The longest time without an acknowledgement that touches start..end; the moments come in order.

    A gap counts whole where it began before `start` or lasted beyond `end`. Where nothing was acknowledged before
    `start`, or after `end`, these are its bounds.
    """
    first, last = bisect_right(acknowledged, start), bisect_left(acknowledged, end)
    before = acknowledged[first - 1] if first else start
    after = acknowledged[last] if last < len(acknowledged) else end
    moments = [before, *acknowledged[first:last], after]
    return max(later - earlier for earlier, later in pairwise(moments))


@dataclass(frozen=True)
class Phase:
    """Median milliseconds of one phase, and its part of all pauses together; none for what is outside of them."""

    name: str
    milliseconds: float
    share: float | None


def phases(runs: Iterable[Mapping[str, float]]) -> list[Phase]:
    """Every phase that some run tells, in the order in which the runs tell them. Phases that overlap exceed 100 %."""
    told = list(runs)
    names = dict.fromkeys(name for run in told for name in run if name != TOTAL)
    total = sum(run.get(TOTAL, 0.0) for run in told)
    return [
        Phase(
            name,
            statistics.median(run[name] for run in told if name in run),
            sum(run.get(name, 0.0) for run in told) / total if total and name not in OUTSIDE else None,
        )
        for name in names
    ]
