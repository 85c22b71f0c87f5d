# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Prometheus that has our rules and exporters is asked about a cluster's last hours. Pure.

An expression has two places: {c} is the label of the cluster, {w} the time over which a rate is taken, in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MOST_POINTS = 180
"""Of one line. A plot is some 300 pixels wide."""
LEAST_SPAN = 60.0
LEAST_FORECAST = 3 * 3600.0
"""Seconds: a shorter time is shown as this; a disk's future is told from no shorter one."""
FILES = '{c}, fstype!~"tmpfs|ramfs|overlay"'


@dataclass(frozen=True)
class Line:
    """One expression. Each of its series is a line of its own, with the value of a label in its name."""

    expression: str
    label: str = "member"
    words: str = "{}"

    def name(self, labels: Mapping[str, str]) -> str:
        return self.words.format(labels.get(self.label, ""))


@dataclass(frozen=True)
class Question:
    """One plot. The unit is count, rate (per second), bytes (per second), seconds or share (1 is all of it)."""

    name: str
    title: str
    unit: str
    lines: tuple[Line, ...]


# Who leads: 1, and 0 for a member whose Patroni answers.
LEADERS = Question(
    "leaders",
    "Who led",
    "count",
    (Line("max by (member) (patroni_primary{{{c}}} + patroni_standby_leader{{{c}}})"),),
)
QUESTIONS = (
    Question(
        "transactions",
        "Transactions per second",
        "rate",
        (Line("sum by (member) (rate(pg_stat_database_xact_commit{{{c}}}[{w}s]))"),),
    ),
    Question(
        "wal",
        "WAL written per second",
        "bytes",
        (
            Line(
                "sum(rate(matriarch_postgres_wal_position_bytes{{{c}}}[{w}s])"
                " and on (member) matriarch_postgres_in_recovery{{{c}}} == 0)",
                words="",
            ),
        ),
    ),
    Question(
        "lag",
        "Replicas behind",
        "seconds",
        (
            Line(
                "max by (member) (matriarch_replica_lag_seconds{{{c}}}"
                " and on (member) matriarch_postgres_in_recovery{{{c}}} == 1)"
            ),
        ),
    ),
    Question(
        "sessions",
        "Sessions",
        "count",
        (Line("max by (member) (matriarch_postgres_connections{{{c}}})"),),
    ),
    Question(
        "poolers",
        "Clients of the poolers",
        "count",
        (
            Line(
                'sum by (pool) (pgbouncer_pools_client_active_connections{{{c}, database!="pgbouncer"}})',
                "pool",
                "{}",
            ),
            Line(
                'sum by (pool) (pgbouncer_pools_client_waiting_connections{{{c}, database!="pgbouncer"}})',
                "pool",
                "{} waiting",
            ),
        ),
    ),
    Question(
        "archive",
        "Oldest WAL outside the archive",
        "seconds",
        (
            Line(
                "max(matriarch_archive_waiting_seconds{{{c}}} and on (member) matriarch_archive_enabled{{{c}}} == 1)",
                words="",
            ),
        ),
    ),
    Question(
        "processor",
        "Processor in use",
        "share",
        (Line('1 - avg by (member) (rate(node_cpu_seconds_total{{{c}, mode="idle"}}[{w}s]))'),),
    ),
    Question(
        "disks",
        "Fullest file system",
        "share",
        (
            Line(
                "1 - min by (member) (node_filesystem_avail_bytes{{" + FILES + "}}"
                " / node_filesystem_size_bytes{{" + FILES + "}})"
            ),
        ),
    ),
)
# The first sign of life, and in how many seconds the first file system is full, should it go on as it has gone.
ALIVE = "max(up{{{c}}})"
FULL_IN = (
    "min(node_filesystem_avail_bytes{{" + FILES + "}}"
    " / -(deriv(node_filesystem_avail_bytes{{" + FILES + "}}[{w}s]) < 0))"
)  # fmt: skip


@dataclass(frozen=True)
class Window:
    """The time that is shown, in seconds since 1970, and how far its points are from each other."""

    begin: float
    end: float
    step: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


def window(first: float | None, now: float, longest: float, scrape: float) -> Window:
    """From the first sign of life on, but no longer than `longest` and no shorter than LEAST_SPAN (all in seconds)."""
    seconds = min(longest, max(LEAST_SPAN, 0.0 if first is None else now - first))
    step = scrape * max(1, math.ceil(seconds / MOST_POINTS / scrape))
    return Window(now - step * math.ceil(seconds / step), now, step)


def alerts(told: Iterable[Mapping[str, Any]], clusters: Iterable[str]) -> list[dict[str, str]]:
    """Those that fire for one of these clusters: the worst first, then the oldest."""
    named = set(clusters)
    found = [
        {
            "name": each["labels"].get("alertname", ""),
            "severity": each["labels"].get("severity", ""),
            "summary": each["annotations"].get("summary", ""),
            "runbook": each["annotations"].get("runbook_url", ""),
            "since": each["activeAt"],
        }
        for each in told
        if each["state"] == "firing" and each["labels"].get("cluster") in named
    ]
    return sorted(found, key=lambda each: (each["severity"] != "critical", each["since"], each["name"]))
