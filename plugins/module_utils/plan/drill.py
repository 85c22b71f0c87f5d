# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a restore drill is due, who makes it, of which repository, and whether there is room for it. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import moment
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import (
    DrillSettings,
    Repository,
    Schedule,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import Trial
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup import line, slot
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.words import size as shown_size

SPARE = 1024 * 2**20
"""Bytes that a drill leaves free, for the member that serves beside it."""

GROWTH = 10
"""A tenth of the backup: what the log adds to it, and the log itself."""

RETRY = timedelta(hours=6)
"""So long after a bad verdict another drill is not due: it would cost the same again."""


def due(drill: DrillSettings, last: Trial | None, last_good: Trial | None, now: datetime) -> bool:
    """Whether no good drill has begun since the schedule's last hour, and no other one a while ago."""
    if not drill.interval_hours:
        return False
    begin = slot(now, Schedule(drill.interval_hours, drill.offset_hours))
    if last_good and moment(last_good.at) >= begin:
        return False
    return last is None or moment(last.at) <= now - RETRY


def order(cluster: ClusterState, drill: DrillSettings, *, even_on_leader: bool = False) -> tuple[str, ...]:
    """The members in the order in which they are to make a drill: standbys, and where it may the leader."""
    everybody = line(cluster, "standby")
    leader = cluster.leader.name if cluster.leader else ""
    may = even_on_leader or drill.source == "any"
    return tuple(name for name in everybody if may or name != leader)


def whose(ordered: tuple[str, ...], wished: str = "") -> str:
    """Whose turn it is: the first in order, or the one that was wished for; empty where nobody can."""
    if wished:
        return wished if wished in ordered else ""
    return next(iter(ordered), "")


def next_repository(repositories: tuple[Repository, ...], last: Trial | None) -> int:
    """The number of the one whose turn it is: each in its turn, the first one after the last."""
    labels = [repository.label for repository in repositories]
    tried = last.repositories[-1] if last and last.repositories else ""
    return (labels.index(tried) + 1) % len(labels) + 1 if tried in labels else 1


def lacking(size: int, free: int, where: str) -> str:
    """Why there is no room for a backup of so many bytes; empty where there is."""
    needed = size + size // GROWTH + 2 * SPARE
    if free >= needed:
        return ""
    return (
        f"{where} has {shown_size(free)} free, and a drill needs {shown_size(needed)}, of which {shown_size(SPARE)} "
        f"stay free. Next: make room for {shown_size(needed - free)} more, or name another file system, "
        "backup_drill_directory"
    )
