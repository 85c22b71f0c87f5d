# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a member's data comes out of the repository or from the leader, and which backup it is made of. Pure.

What the leader sends is its size; what the repository gives is the backup and all WAL since it began, which one
process has to replay. So a small cluster is copied from its leader, which costs it next to nothing, and so is one
whose backup is old in terms of WAL: replaying would take longer than the copy, and the member be missing for so long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import Backup, Catalog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import Segment
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_policy import restorable
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_wal import Way, newest_way, way_to
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.words import size

AUTO, REPOSITORY = "auto", "repository"
WISHES = (AUTO, REPOSITORY)

SMALL = 1024 * 1024 * 1024
"""Bytes; what is smaller is copied from the leader in seconds."""

MOST_WAL = 1 / 3
"""Of the cluster's size; with more WAL to replay than that, the copy is the shorter way."""


@dataclass(frozen=True)
class Choice:
    """The backup, and the WAL on the way from it to the cluster's timeline, as far as the repository has it by now."""

    backup: Backup
    way: Way
    segments: tuple[Segment, ...]
    segment_bytes: int

    @property
    def wal_bytes(self) -> int:
        """What has to be replayed at least."""
        return len(self.segments) * self.segment_bytes

    @property
    def told(self) -> str:
        """The choice in a few words."""
        label, data = self.backup.label, size(self.backup.size)
        return f"the backup {label} of {data}, and {size(self.wal_bytes)} of WAL since it began"


def choose(catalog: Catalog, wish: str, timeline: int | None) -> Choice:
    """The newest backup that leads to the cluster's timeline. Raises Refused where the leader is to be taken.

    `timeline` is the leader's; None where nobody leads, and then there is nobody to take instead.
    """
    choices = [found for backup in newest_first(catalog) if (found := _leading(catalog, backup, timeline))]
    if not choices:
        raise Refused("no backup leads to where the cluster is now, with all WAL since it began")
    best = min(choices, key=lambda choice: choice.wal_bytes)
    if wish == AUTO and timeline is not None and (reason := _dear(best)):
        raise Refused(f"the leader is the shorter way: {reason}")
    return best


def newest_first(catalog: Catalog) -> Iterator[Backup]:
    """What can be restored."""
    return iter(sorted(restorable(catalog), key=lambda backup: (backup.stopped, backup.label), reverse=True))


def _dear(choice: Choice) -> str:
    data = choice.backup.size
    if data < SMALL:
        return f"{size(data)} is less than {size(SMALL)}"
    if choice.wal_bytes > data * MOST_WAL:
        return f"{size(choice.wal_bytes)} of WAL would have to be replayed, more than a third of {size(data)}"
    return ""


def _leading(catalog: Catalog, backup: Backup, timeline: int | None) -> Choice | None:
    """The way from this backup, if it is one, and whole."""
    held = catalog.in_repository(backup.repository)
    way = newest_way(held) if timeline is None else way_to(held, timeline)
    if way is None or backup.timeline not in way.timelines:
        return None
    first, end = backup.start_lsn // held.segment_bytes, way.ends(backup.timeline)
    if end is not None and max(backup.stop_lsn - 1, 0) // held.segment_bytes >= end:
        return None  # it was still being made when the cluster went another way
    there = {each.segment for each in held.segments}
    last = max((s.number for s in there if way.holds(s.number) == s), default=-1)
    wanted = tuple(way.holds(number) for number in range(first, last + 1))
    return Choice(backup, way, wanted, held.segment_bytes) if there.issuperset(wanted) else None
