# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of WAL files: what a repository holds is known by them. Pure; see PostgreSQL's xlog_internal.h."""

from __future__ import annotations

import re
from dataclasses import dataclass

SEGMENT_BYTES = 16 * 1024 * 1024
"""PostgreSQL's default; initdb may choose another one."""

FILE = re.compile(r"^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})")
LOG_BYTES = 1 << 32


@dataclass(frozen=True, order=True)
class Segment:
    """One WAL segment: `number` counts from the beginning of all WAL, whatever the timeline."""

    timeline: int
    number: int

    @classmethod
    def parse(cls, name: str, size: int = SEGMENT_BYTES) -> Segment:
        """From the beginning of a file's name. Raises ValueError when that names no segment."""
        found = FILE.match(name)
        if not found:
            raise ValueError(f"{name!r} is no name of a WAL segment")
        timeline, log, segment = (int(part, 16) for part in found.groups())
        return cls(timeline, log * (LOG_BYTES // size) + segment)

    @classmethod
    def holding(cls, timeline: int, lsn: int, size: int = SEGMENT_BYTES) -> Segment:
        """The one that holds this position, in bytes."""
        return cls(timeline, lsn // size)

    def name(self, size: int = SEGMENT_BYTES) -> str:
        """As PostgreSQL names the file."""
        log, segment = divmod(self.number, LOG_BYTES // size)
        return f"{self.timeline:08X}{log:08X}{segment:08X}"


@dataclass(frozen=True)
class Fork:
    """Where a timeline was left: `timeline` counts up to the position `lsn`, in bytes."""

    timeline: int
    lsn: int


def parse_history(text: str) -> tuple[Fork, ...]:
    """A timeline's ancestors, the oldest first, as its history file tells them. Raises ValueError when it is none."""
    forks = []
    for line in text.splitlines():
        words = line.split("\t")
        if not line.strip() or line.startswith("#"):
            continue
        high, slash, low = words[1].partition("/") if len(words) > 1 else ("", "", "")
        if not slash:
            raise ValueError(f"{line!r} is no line of a timeline's history")
        forks.append(Fork(int(words[0]), (int(high, 16) << 32) + int(low, 16)))
    return tuple(forks)
