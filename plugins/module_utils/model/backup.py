# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster's repositories hold: backups and WAL, whichever engine made them. Immutable; parsed by the engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import SEGMENT_BYTES, Fork, Segment

FULL = "full"
DIFFERENTIAL = "differential"
INCREMENTAL = "incremental"
KINDS = (FULL, DIFFERENTIAL, INCREMENTAL)


@dataclass(frozen=True)
class Backup:
    """One base backup. Positions in bytes of WAL, sizes in bytes; `required` are the backups that it builds on.

    `size` is the cluster's, `stored` what this backup added to the repository. `faulty`: the engine found pages whose
    checksums do not fit.
    """

    label: str
    kind: str
    repository: int
    started: datetime
    stopped: datetime
    timeline: int
    start_lsn: int
    stop_lsn: int
    size: int = 0
    stored: int = 0
    required: tuple[str, ...] = ()
    faulty: bool = False

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.stopped - self.started).total_seconds()

    def segments(self, size: int = SEGMENT_BYTES) -> tuple[Segment, ...]:
        """The WAL without which it is worth nothing."""
        numbers = range(self.start_lsn // size, max(self.stop_lsn - 1, 0) // size + 1)
        return tuple(Segment(self.timeline, number) for number in numbers)

    def facts(self) -> dict[str, Any]:
        """As a module returns it."""
        return {
            "label": self.label,
            "kind": self.kind,
            "repository": self.repository,
            "started": shown(self.started),
            "stopped": shown(self.stopped),
            "seconds": self.seconds,
            "timeline": self.timeline,
            "start_lsn": lsn.show(self.start_lsn),
            "stop_lsn": lsn.show(self.stop_lsn),
            "size_bytes": self.size,
            "stored_bytes": self.stored,
            "required": list(self.required),
            "faulty": self.faulty,
        }


@dataclass(frozen=True)
class Archived:
    """A segment of WAL in a repository, and when it came there."""

    segment: Segment
    repository: int
    at: datetime


@dataclass(frozen=True)
class Catalog:
    """All repositories of a cluster at one moment: `backups` oldest first, `segments` in order.

    `systems`: the system identifier of the PostgreSQL that a repository is for, by the repository's number from 1 on;
    none where it is not made ready yet. `problems`: why one could not be read. `histories`: a timeline's ancestors.
    """

    backups: tuple[Backup, ...] = ()
    segments: tuple[Archived, ...] = ()
    histories: Mapping[int, tuple[Fork, ...]] = field(default_factory=dict)
    systems: Mapping[int, str] = field(default_factory=dict)
    problems: Mapping[int, str] = field(default_factory=dict)
    segment_bytes: int = SEGMENT_BYTES

    def backup(self, label: str) -> Backup | None:
        """The backup of that name."""
        return next((backup for backup in self.backups if backup.label == label), None)

    @property
    def newest(self) -> Backup | None:
        """The backup that ended last."""
        return max(self.backups, key=lambda backup: backup.stopped, default=None)

    def in_repository(self, number: int) -> Catalog:
        """The same of one repository alone."""
        return Catalog(
            backups=tuple(backup for backup in self.backups if backup.repository == number),
            segments=tuple(each for each in self.segments if each.repository == number),
            histories=self.histories,
            systems={key: system for key, system in self.systems.items() if key == number},
            problems={key: words for key, words in self.problems.items() if key == number},
            segment_bytes=self.segment_bytes,
        )


def shown(moment: datetime) -> str:
    """A moment as messages and modules tell it, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """What `shown` made of a moment."""
    return datetime.fromisoformat(text)
