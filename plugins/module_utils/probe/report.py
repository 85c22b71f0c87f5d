# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the logs of a probe's clients to what an operator reads. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.job import READ, WRITE
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.log import SAMPLES, StreamLog


@dataclass(frozen=True)
class Settlement:
    """What reading the table back showed of one client: its acknowledged rows that are gone, and its doubled ones."""

    lost: int
    doubled: int


def settle(logs: Iterable[StreamLog], rows: Iterable[tuple[str, int]]) -> dict[str, Settlement]:
    """Compare what was acknowledged with the rows that are there, for each client that writes."""
    found = Counter(rows)
    return {log.stream: _settlement(log, found) for log in logs if log.mode == WRITE}


def _settlement(log: StreamLog, found: Mapping[tuple[str, int], int]) -> Settlement:
    times = [found.get((log.stream, number), 0) for number in range(1, log.attempts + 1)]
    lost = sum(times[number - 1] == 0 for number in log.certain)
    return Settlement(lost, sum(times) - sum(map(bool, times)) + log.doubled)


@dataclass(frozen=True)
class EndpointReport:
    """What the clients of one endpoint felt.

    The gaps are in milliseconds, the longest of any single client, and None where there is nothing of that kind.
    `lost_acknowledged` and `doubled` are None where the table could not be read back, and for readers.
    """

    write_gap_ms: float | None
    read_gap_ms: float | None
    gap_began_at: str | None
    acknowledged: int
    unknown: int
    errors: int
    error_samples: tuple[str, ...]
    lost_acknowledged: int | None
    doubled: int | None

    def facts(self) -> dict[str, Any]:
        """The report as a module returns it."""
        return {**asdict(self), "error_samples": list(self.error_samples)}


def report(
    logs: Sequence[StreamLog], wall_minus_monotonic: float, settled: Mapping[str, Settlement] | None
) -> dict[str, EndpointReport]:
    """The logs by endpoint, in the order of their first client; `wall_minus_monotonic` turns times into dates."""
    by_endpoint: dict[str, list[StreamLog]] = {}
    for log in logs:
        by_endpoint.setdefault(log.endpoint, []).append(log)
    return {name: _of_one(of_it, wall_minus_monotonic, settled) for name, of_it in by_endpoint.items()}


def _of_one(
    logs: Sequence[StreamLog], wall_minus_monotonic: float, settled: Mapping[str, Settlement] | None
) -> EndpointReport:
    mode = logs[0].mode
    worst = max(logs, key=lambda log: log.gap)
    gap = round(worst.gap * 1000, 1) if any(log.has_begun for log in logs) else None
    found = [settled[log.stream] for log in logs] if settled is not None and mode == WRITE else None
    return EndpointReport(
        write_gap_ms=gap if mode == WRITE else None,
        read_gap_ms=gap if mode == READ else None,
        gap_began_at=None if worst.gap_began is None else iso(worst.gap_began + wall_minus_monotonic),
        acknowledged=sum(log.acknowledged for log in logs),
        unknown=sum(len(log.unknown) for log in logs) if mode == WRITE else 0,
        errors=sum(log.errors for log in logs),
        error_samples=tuple(sample for log in logs for sample in log.samples)[:SAMPLES],
        lost_acknowledged=None if found is None else sum(one.lost for one in found),
        doubled=None if found is None else sum(one.doubled for one in found),
    )


def iso(seconds: float) -> str:
    """A moment of the wall clock, in UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
