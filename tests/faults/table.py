"""Verdicts as a table: all runs of a test are one row. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

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
    late = sum(any(is_late(run, name) for name in ENDPOINTS) for run in runs)
    lost = sum(str(problem).startswith("lost") for run in runs for problem in run["problems"])
    settled = [run["seconds_until_whole"] for run in runs]
    return (
        named(test),
        str(len(runs)),
        f"{bad} with problems" if bad else f"{late} later than promised" if late else "as it must be",
        *(spread_of_gaps(runs, name) for name in ENDPOINTS),
        str(sum(sum(run["errors"].values()) for run in runs)),
        f"in {lost} runs" if lost else "0",
        "never" if None in settled else spread(settled),
    )


def named(test: str) -> str:
    return test.removeprefix("test_").replace("_", " ")


def is_late(run: Verdict, endpoint: str) -> bool:
    """Whether a client there was without an answer for longer than promised, where something is."""
    return bool(run["gaps"].get(endpoint, 0.0) > run["promised"].get(endpoint, math.inf))


def spread_of_gaps(runs: Sequence[Verdict], endpoint: str) -> str:
    told = spread([run["gaps"][endpoint] for run in runs if endpoint in run["gaps"]])
    broken = [run["promised"][endpoint] for run in runs if is_late(run, endpoint)]
    return f"{told} (promised: {max(broken):.1f} s)" if broken else told


def spread(seconds: Sequence[float]) -> str:
    return f"{percentile(seconds, 50):.1f} / {max(seconds):.1f} s" if seconds else "-"
