# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a repository holds for a recovery: backups, and the write-ahead log after them. Immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn


@dataclass(frozen=True)
class BackupSet:
    """One backup that can be restored by its label, together with what it builds on. Positions in bytes."""

    label: str
    ended_at: datetime
    begin: int
    end: int
    timeline: int
    system_identifier: str = ""
    repository: int = 0
    kind: str = "full"
    size: int = 0  # bytes on disk when it is restored
    problem: str = ""  # why it cannot be restored, empty where it can

    @property
    def told(self) -> str:
        """How a user is shown it."""
        return f"{self.label} ({self.kind}, ended {self.ended_at.isoformat()})"


@dataclass(frozen=True)
class Gap:
    """Log that is missing in the middle of a timeline: from the first missing byte to the first one that is there."""

    timeline: int
    begin: int
    end: int

    @property
    def told(self) -> str:
        """How a user is shown it."""
        return f"{lsn.show(self.begin)} to {lsn.show(self.end)} on timeline {self.timeline}"


@dataclass(frozen=True)
class Fork:
    """A timeline ended for its successors at this position."""

    timeline: int
    end: int


@dataclass(frozen=True)
class Archive:
    """The log in a repository.

    `ends`: how far it reaches, in bytes, by timeline. `histories`: the forks that lead to a timeline, oldest first;
    the first timeline has none. `newest_at`: up to when commits are known to be in it, None where nobody knows.
    """

    ends: Mapping[int, int] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    histories: Mapping[int, tuple[Fork, ...]] = field(default_factory=dict)
    newest_at: datetime | None = None

    @property
    def newest_timeline(self) -> int:
        """The timeline that "latest" means."""
        return max((*self.ends, *self.histories), default=1)


@dataclass(frozen=True)
class Way:
    """The timelines that lead to one, each with the position at which it is left; the last one is never left."""

    forks: tuple[Fork, ...]
    timeline: int

    def left_at(self, timeline: int) -> int | None:
        """Where the way leaves that timeline; None where it never does. Raises KeyError where it does not pass it."""
        if timeline == self.timeline:
            return None
        return {fork.timeline: fork.end for fork in self.forks}[timeline]

    def passes(self, timeline: int, position: int) -> bool:
        """Whether that position of that timeline lies on the way."""
        try:
            left = self.left_at(timeline)
        except KeyError:
            return False
        return left is None or position <= left

    def span(self, timeline: int) -> tuple[int, int | None] | None:
        """Between which positions the way is on that timeline; None where it never is."""
        order = [*(fork.timeline for fork in self.forks), self.timeline]
        if timeline not in order:
            return None
        place = order.index(timeline)
        return (self.forks[place - 1].end if place else 0), self.left_at(timeline)


def way_to(archive: Archive, timeline: str) -> Way:
    """The way to a timeline, or to the newest one."""
    number = archive.newest_timeline if timeline == "latest" else int(timeline)
    return Way(archive.histories.get(number, ()), number)
