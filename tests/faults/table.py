"""Verdicts as a table: all runs of a test are one row. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from pauses import percentile

ENDPOINTS = ("pooled-rw", "rw", "direct", "pooled-ro")
HEADINGS = (
    "fault",
    "runs",
    "result",
    *(f"gap {name}, p50 / max" for name in ENDPOINTS),
    "errors",
    "lost",
    "whole after",
)

Verdict = Mapping[str, Any]


class Gap(NamedTuple):
    """Of one run, in seconds; `promised` is None where nothing is."""

    endpoint: str
    seconds: float
    promised: float | None


def by_test(verdicts: Iterable[Verdict]) -> dict[str, list[Verdict]]:
    """In the order of the tests' names."""
    ordered = sorted(verdicts, key=lambda verdict: str(verdict["test"]))
    return {test: list(runs) for test, runs in groupby(ordered, key=lambda verdict: str(verdict["test"]))}


def rows(verdicts: Iterable[Verdict]) -> list[tuple[str, ...]]:
    """One for each test."""
    return [row(test, runs) for test, runs in by_test(verdicts).items()]


def row(test: str, runs: Sequence[Verdict]) -> tuple[str, ...]:
    failed = [run for run in runs if "failed" in run]
    runs = [run for run in runs if "failed" not in run]
    bad = max(sum(bool(run["problems"]) for run in runs), len(failed))
    late = sum(any(map(is_late, each_gap(run))) for run in runs)
    lost = sum(str(problem).startswith("lost") for run in runs for problem in run["problems"])
    settled = [run["seconds_until_whole"] for run in runs]
    return (
        named(test),
        str(len(runs)),
        f"{bad} with problems" if bad else f"{late} later than promised" if late else "as it must be",
        *(spread_of_gaps([gap for run in runs for gap in each_gap(run) if gap.endpoint == name]) for name in ENDPOINTS),
        str(sum(sum(run["errors"].values()) for run in runs)),
        f"in {lost} runs" if lost else "0",
        "never" if None in settled else spread(settled),
    )


def named(test: str) -> str:
    return test.removeprefix("test_").replace("_", " ")


def each_gap(run: Verdict) -> Iterator[Gap]:
    return (Gap(name, seconds, run["promised"].get(name)) for name, seconds in run["gaps"].items())


def is_late(gap: Gap) -> bool:
    return gap.promised is not None and gap.seconds > gap.promised


def spread_of_gaps(gaps: Sequence[Gap]) -> str:
    told = spread([gap.seconds for gap in gaps])
    broken = [gap.promised for gap in gaps if gap.promised is not None and is_late(gap)]
    return f"{told} (promised: {max(broken):.1f} s)" if broken else told


def spread(seconds: Sequence[float]) -> str:
    return f"{percentile(seconds, 50):.1f} / {max(seconds):.1f} s" if seconds else "-"
