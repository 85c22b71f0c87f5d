# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backup is due, and who makes it. Pure.

Every member asks itself the same questions at the same time and comes to the same answers, whoever leads: a backup is
due when none has begun in a repository since the last hour of the schedule. So one that failed is retried, and one that
was missed is made up for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import (
    DIFFERENTIAL,
    FULL,
    Backup,
    Catalog,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Schedule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_wal import missing_since

PATIENCE = timedelta(minutes=15)
"""After which the next in line may make a backup that the one before it did not."""

LARGE_LAG = 64 * 1024 * 1024  # bytes

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Due:
    """A backup that should be made: of which kind, into which repository, and why."""

    kind: str
    repository: int
    reason: str


def slot(moment: datetime, schedule: Schedule) -> datetime:
    """The last hour of the schedule that is not after this moment."""
    interval = timedelta(hours=schedule.interval_hours)
    begin = EPOCH + timedelta(hours=schedule.offset_hours)
    return begin + (moment - begin) // interval * interval


def due(
    catalog: Catalog, repositories: int, schedule: Schedule, kinds: Iterable[str], now: datetime
) -> tuple[Due, ...]:
    """What is due in each repository that can be read; empty where everything is as it shall be."""
    wanted = (
        _due_in(catalog.in_repository(number), number, schedule, frozenset(kinds), now)
        for number in range(1, repositories + 1)
        if number not in catalog.problems
    )
    return tuple(each for each in wanted if each)


def _due_in(held: Catalog, number: int, schedule: Schedule, kinds: frozenset[str], now: datetime) -> Due | None:
    begin = slot(now, schedule)
    fulls = [backup for backup in held.backups if backup.kind == FULL]
    if not fulls:
        return Due(FULL, number, "there is none yet")
    newest = max(held.backups, key=lambda backup: backup.started)
    missing = missing_since(held, newest, now)
    if missing:
        lost = missing[0].name(held.segment_bytes)
        return Due(FULL, number, f"WAL is missing after the newest one: {lost}")
    if newest.started >= begin:
        return None
    kind = FULL if _is_full_due(fulls, schedule, now) or DIFFERENTIAL not in kinds else DIFFERENTIAL
    return Due(kind, number, f"the newest one began before {begin:%Y-%m-%d %H:%M} UTC")


def _is_full_due(fulls: Iterable[Backup], schedule: Schedule, now: datetime) -> bool:
    newest = max(backup.started for backup in fulls)
    return slot(newest, schedule) + timedelta(days=schedule.full_days) <= slot(now, schedule)


def line(cluster: ClusterState, source: str) -> tuple[str, ...]:
    """The members in the order in which they are to make a backup: fit standbys first, unless the leader shall."""
    fit = (m for m in cluster.members if not m.is_leader and m.is_up and m.lag_bytes is not None)
    # By name among those that keep up, so that members who ask at different moments agree.
    names = [m.name for m in sorted(fit, key=lambda m: ((m.lag_bytes or 0) > LARGE_LAG, m.name))]
    leader = [cluster.leader.name] if cluster.leader else []
    return tuple(leader + names if source == "leader" else names + leader)


def is_turn(member: str, ordered: tuple[str, ...], since: datetime, now: datetime) -> bool:
    """Whether it is this member's turn: the first in line at once, the next ones when those before them were silent."""
    return member in ordered and now >= since + ordered.index(member) * PATIENCE
