# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the repositories are worth now, as the module backup_info and the playbooks tell it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import Backup, Catalog, shown
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import Segment
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_policy import expired, restorable
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_wal import (
    missing_since,
    reach,
    stretches,
)

HEADER_BYTES = 64
"""A segment begins with a header of its own; a position within it means that nothing was written there yet."""


@dataclass(frozen=True)
class Archiver:
    """How far the leader's archiver is: the last segment that it archived, and where the leader writes, in bytes."""

    last: Segment | None
    position: int
    waiting: int

    def has_all(self, size: int) -> bool:
        """Whether there is nothing that only the cluster itself has."""
        begin = (self.last.number + 1) * size if self.last else 0
        return self.waiting == 0 and self.last is not None and self.position - begin <= HEADER_BYTES


def report(settings: Settings, catalog: Catalog, archiver: Archiver | None, now: datetime) -> dict[str, Any]:
    """Everything that the module tells."""
    sound = restorable(catalog)
    gone = expired(catalog, settings.keep_days, now)
    until = newest_restorable(catalog, sound)
    return {
        "cluster": settings.cluster,
        "engine": settings.engine,
        "repositories": [_repository(settings, catalog, n, now) for n in range(1, len(settings.repositories) + 1)],
        "backups": [_backup(each, each in sound, each in gone) for each in catalog.backups],
        "wal": [each.facts(catalog.segment_bytes) for each in stretches(catalog)],
        "restorable_from": shown(min(each.stopped for each in sound)) if sound else None,
        "restorable_until": shown(until) if until else None,
        "rpo_seconds": _rpo(catalog, archiver, until, now),
        "newest": catalog.newest.label if catalog.newest else None,
        "newest_age_seconds": (now - catalog.newest.stopped).total_seconds() if catalog.newest else None,
        "keep_days": settings.keep_days,
    }


def newest_restorable(catalog: Catalog, sound: tuple[Backup, ...]) -> datetime | None:
    """Until when a recovery from the best backup comes, at the latest; None where there is no backup."""
    until = (reach(catalog.in_repository(each.repository), each) for each in sound)
    return max((each for each in until if each), default=None)


def _rpo(catalog: Catalog, archiver: Archiver | None, until: datetime | None, now: datetime) -> float | None:
    """What would be lost if the whole cluster were lost now, in seconds; what is in the repository counts alone."""
    if until is None:
        return None
    if archiver and archiver.has_all(catalog.segment_bytes):
        return 0.0
    return max((now - until).total_seconds(), 0.0)


def _repository(settings: Settings, catalog: Catalog, number: int, now: datetime) -> dict[str, Any]:
    held = catalog.in_repository(number)
    missing = missing_since(held, held.newest, now) if held.newest else ()
    return {
        "repository": settings.repositories[number - 1].label,
        "system_identifier": held.systems.get(number),
        "problem": held.problems.get(number, ""),
        "missing_wal": [segment.name(held.segment_bytes) for segment in missing],
        "stored_bytes": sum(backup.stored for backup in held.backups),
    }


def _backup(backup: Backup, is_restorable: bool, is_expired: bool) -> dict[str, Any]:
    return {**backup.facts(), "restorable": is_restorable, "would_expire": is_expired}
