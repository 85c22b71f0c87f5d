# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the WAL in a repository is good for: which of it is missing, and up to where a backup can be recovered. Pure.

After a promotion the new timeline begins with the segment in which the old one ended, so that the way from a backup to
the newest WAL is one segment of each number: that of the newest timeline which has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import Archived, Backup, Catalog, shown
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import Segment

OVERTAKING = timedelta(minutes=1)
"""So long a segment may come after the next one: several are archived at once, and a former leader's last one later."""


@dataclass(frozen=True)
class Way:
    """The way of WAL to one timeline: `begins` has the number of the first segment of each timeline on it, in order."""

    begins: tuple[tuple[int, int], ...]

    def holds(self, number: int) -> Segment:
        """The segment of this number that recovery on this way reads."""
        timeline = max((tl for tl, first in self.begins if first <= number), default=self.begins[0][0])
        return Segment(timeline, number)

    @property
    def timelines(self) -> tuple[int, ...]:
        """The timelines on the way, the oldest first."""
        return tuple(timeline for timeline, _first in self.begins)

    def ends(self, timeline: int) -> int | None:
        """The number of the segment with which the timeline after this one begins; None for the last one."""
        later = [first for tl, first in self.begins if tl > timeline]
        return min(later) if later else None


def way_to(held: Catalog, timeline: int) -> Way:
    """The way to a timeline, by its history; one whose history is not there (yet) stands alone."""
    forks = held.histories.get(timeline, ())
    first = 0
    begins = []
    for fork in forks:
        begins.append((fork.timeline, first))
        first = fork.lsn // held.segment_bytes
    return Way((*begins, (timeline, first)))


def newest_way(held: Catalog) -> Way | None:
    """The way to the newest timeline of which there is WAL or a history; None where there is neither."""
    known = {each.segment.timeline for each in held.segments} | set(held.histories)
    return way_to(held, max(known)) if known else None


def missing_since(held: Catalog, backup: Backup, now: datetime) -> tuple[Segment, ...]:
    """The segments that the way from this backup to the newest WAL lacks. A backup aside of that way lacks none.

    Nothing is missed yet before a segment that has just come.
    """
    way = newest_way(held)
    if way is None or backup.timeline not in way.timelines:
        return ()
    there = {each.segment for each in held.segments}
    settled = (each.segment for each in held.segments if each.at <= now - OVERTAKING)
    last = max((s.number for s in settled if way.holds(s.number) == s), default=-1)
    numbers = range(backup.start_lsn // held.segment_bytes, last + 1)
    return tuple(way.holds(number) for number in numbers if way.holds(number) not in there)


@dataclass(frozen=True)
class Stretch:
    """WAL without a gap of one timeline in one repository; `until` is when its last segment came there."""

    repository: int
    first: Segment
    last: Segment
    until: datetime

    def facts(self, size: int) -> dict[str, Any]:
        """As a module returns it."""
        names = {"first": self.first.name(size), "last": self.last.name(size)}
        return {"repository": self.repository, "timeline": self.first.timeline, **names, "until": shown(self.until)}


def stretches(held: Catalog) -> Iterator[Stretch]:
    """All WAL, in stretches; `segments` are in order."""
    begun: list[Archived] = []
    for each in (*held.segments, None):
        if begun and (each is None or not _follows(begun[-1], each)):
            yield Stretch(begun[0].repository, begun[0].segment, begun[-1].segment, begun[-1].at)
            begun = []
        if each is not None:
            begun.append(each)


def _follows(before: Archived, after: Archived) -> bool:
    step = (after.repository, after.segment.timeline, after.segment.number)
    return step == (before.repository, before.segment.timeline, before.segment.number + 1)


def reach(held: Catalog, backup: Backup) -> datetime | None:
    """Until when a recovery from this backup without a target comes, at the latest; None when its own WAL is not whole.

    It is when the last segment came into the repository before anything is missing: what is in it was done before.
    """
    way = newest_way(held)
    if way is None or backup.timeline not in way.timelines:
        way = way_to(held, backup.timeline)
    there = {each.segment: each.at for each in held.segments}
    if any(segment not in there for segment in backup.segments(held.segment_bytes)):
        return None
    number, until = backup.start_lsn // held.segment_bytes, backup.stopped
    while (segment := way.holds(number)) in there:
        until = max(until, there[segment])
        number += 1
    return until
