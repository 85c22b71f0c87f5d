# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host tells of itself beside what exporters know: certificates, clock, ballast, backups, proofs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import moment
from ansible_collections.matriarch.pgcluster.plugins.module_utils.monitoring.exposition import Gauge, Sample

TRIALS = ("drill", "verification")


@dataclass(frozen=True)
class Found:
    """One look at the host. None, or nothing in a map, where the host has no such thing or does not tell.

    `protection`: what a commit promises, as the inventory says it. `certificates`: the end of each by its path, Unix
    time. `ballast_bytes`: what the ballast holds back on the disk, 0 when it is gone, None where none is declared.
    `backups`: what `backup.told.told` says.
    """

    version: str
    protection: str
    certificates: Mapping[str, float] = field(default_factory=dict)
    clock_synchronized: bool | None = None
    ballast_bytes: int | None = None
    backups: Mapping[str, Any] | None = None


def gauges(found: Found) -> Iterator[Gauge]:
    """All that there is to tell; a gauge without a sample where a host has nothing of the kind."""
    yield Gauge(
        "matriarch_info",
        "The release that made the host what it is, and what a commit promises.",
        (Sample(1, {"version": found.version, "protection": found.protection}),),
    )
    yield Gauge(
        "matriarch_certificate_expiry_timestamp_seconds",
        "When the certificate ends.",
        tuple(Sample(end, {"path": path}) for path, end in found.certificates.items()),
    )
    yield _plain("clock_synchronized", "Whether a time service keeps the clock.", found.clock_synchronized)
    ballast = found.ballast_bytes
    yield _plain("ballast_present", "Whether room is kept back.", None if ballast is None else ballast > 0)
    yield _plain("ballast_bytes", "What the ballast keeps back.", ballast)
    if found.backups is not None:
        yield from _backups(found.backups)
        yield from _trials(found.backups["proof"])


def _backups(told: Mapping[str, Any]) -> Iterator[Gauge]:
    yield _plain("backup_interval_seconds", "How often a backup shall be made.", told["interval_hours"] * 3600)
    yield _moment("backup_checked_timestamp_seconds", "The last look at the repositories.", told["checked_at"])
    yield _plain("backup_failed", "Whether this member's last attempt failed.", bool(told["failure"]))
    yield _plain("backup_wal_missing", "Whether WAL after the newest backup is missing.", bool(told["missing"]))
    yield _plain("backup_unmended", "Whether WAL of a former leader is not archived.", bool(told["unmended"]))
    drill = told["drill"]
    yield _plain("backup_drill_interval_seconds", "How often a restore shall be tried.", drill["interval_hours"] * 3600)
    repositories = {str(number): each for number, each in enumerate(told["repositories"], 1)}
    yield _by_repository(
        "readable", "Whether it could be read.", {n: not each["problem"] for n, each in repositories.items()}
    )
    newest = {number: each["newest"] for number, each in repositories.items() if each["newest"]}
    for name, meaning in (("started", "begin"), ("stopped", "end")):
        ends = {number: _unix(each[name]) for number, each in newest.items()}
        yield _by_repository(f"{name}_timestamp_seconds", f"The {meaning} of its newest backup.", ends)
    for name, meaning in (("size", "restored"), ("stored", "in the repository")):
        sizes = {number: each[f"{name}_bytes"] for number, each in newest.items() if each[f"{name}_bytes"] is not None}
        yield _by_repository(f"{name}_bytes", f"How large its newest backup is {meaning}.", sizes)


def _trials(proof: Mapping[str, Any]) -> Iterator[Gauge]:
    last = {kind: proof[kind] for kind in TRIALS if proof[kind]}
    proven = {kind: proof[f"good_{kind}"] for kind in TRIALS if proof[f"good_{kind}"]}
    yield _by_trial(
        "trial_timestamp_seconds", "The last trial.", {kind: _unix(each["at"]) for kind, each in last.items()}
    )
    yield _by_trial("trial_good", "Its verdict.", {kind: each["good"] for kind, each in last.items()})
    ends = {kind: _unix(each["at"]) for kind, each in proven.items()}
    yield _by_trial("trial_proven_timestamp_seconds", "The last good trial.", ends)
    facts = proof["good_drill"]["facts"] if proof["good_drill"] else {}
    for name, meaning in (("rpo", "would have been lost"), ("rto", "a restore took")):
        yield _plain(
            f"backup_drill_{name}_seconds", f"What {meaning} in the last good drill.", facts.get(f"{name}_seconds")
        )


def _plain(name: str, meaning: str, value: float | None) -> Gauge:
    return Gauge(f"matriarch_{name}", meaning, () if value is None else (Sample(value),))


def _moment(name: str, meaning: str, told: str) -> Gauge:
    return _plain(name, meaning, _unix(told) if told else None)


def _by_repository(name: str, meaning: str, values: Mapping[str, float]) -> Gauge:
    return Gauge(f"matriarch_backup_{name}", meaning, tuple(Sample(v, {"repository": n}) for n, v in values.items()))


def _by_trial(name: str, meaning: str, values: Mapping[str, float]) -> Gauge:
    return Gauge(f"matriarch_backup_{name}", meaning, tuple(Sample(v, {"trial": kind}) for kind, v in values.items()))


def _unix(told: str) -> float:
    return moment(told).timestamp()
