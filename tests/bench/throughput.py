"""What pgbench told, and what ways to the same database cost beside one of them. Pure functions."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

TPS = re.compile(r"^tps = ([\d.]+) ", re.MULTILINE)
LATENCY = re.compile(r"^latency average = ([\d.]+) ms", re.MULTILINE)
TRANSACTIONS = re.compile(r"^number of transactions actually processed: (\d+)", re.MULTILINE)
FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Sample:
    """One run of pgbench. latency: ms, mean; cpu: microseconds of each service for one transaction."""

    tps: float
    latency: float
    cpu: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """One way under one load."""

    load: str
    clients: int
    way: str


Samples = Mapping[Cell, Sequence[Sample]]


def transactions(said: str) -> int:
    """How many were done; raises ValueError where pgbench tells of none, or of failures."""
    done, failed = TRANSACTIONS.search(said), FAILED.search(said)
    if not done or not int(done[1]) or (failed and int(failed[1])):
        raise ValueError(f"pgbench did not do its work: {said}")
    return int(done[1])


def sample(said: str, microseconds: Mapping[str, float]) -> Sample:
    """What pgbench said, and the CPU time that each service took meanwhile."""
    count = transactions(said)
    tps, latency = TPS.search(said), LATENCY.search(said)
    if not tps or not latency:
        raise ValueError(f"pgbench tells no rate: {said}")
    return Sample(float(tps[1]), float(latency[1]), {name: spent / count for name, spent in microseconds.items()})


def latency(samples: Sequence[Sample]) -> float:
    """Median milliseconds."""
    return statistics.median(each.latency for each in samples)


def cpu(samples: Sequence[Sample]) -> dict[str, float]:
    """Median microseconds of each service."""
    return {name: statistics.median(each.cpu[name] for each in samples) for name in samples[0].cpu}


def ratios(cells: Samples, cell: Cell, base: Cell) -> list[float]:
    """Of the rates, round by round: what else the machine did in a round, it did to both."""
    return [mine.tps / theirs.tps for mine, theirs in zip(cells[cell], cells[base], strict=True)]


def table(cells: Samples, bases: Mapping[Cell, Cell]) -> str:
    """Every way beside its base: the rate's ratio, the latency added, and the CPU time where it is spent."""
    services = list(dict.fromkeys(name for runs in cells.values() for name in runs[0].cpu))
    heads = [f"{'us ' + name:>14}" for name in services]
    lines = [f"{'load':<12} {'clients':>7} {'way':<24} {'tps':>8} {'ratio':>6} {'ms':>7} {'added':>7}{''.join(heads)}"]
    for cell, runs in cells.items():
        base = bases[cell]
        ratio = "" if base == cell else f"{statistics.median(ratios(cells, cell, base)):.2f}"
        added = "" if base == cell else f"{latency(runs) - latency(cells[base]):+.3f}"
        spent = "".join(f"{microseconds:>14.0f}" for microseconds in cpu(runs).values())
        rate = statistics.median(each.tps for each in runs)
        lines.append(
            f"{cell.load:<12} {cell.clients:>7} {cell.way:<24} {rate:>8.0f} {ratio:>6}"
            f" {latency(runs):>7.3f} {added:>7}{spent}"
        )
    return "\n".join(lines)
