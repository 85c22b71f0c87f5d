# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the policy keeps. Pure; it says what an engine's own expiry by time does, so that it can be shown before.

Every moment of the last days can be restored from a full backup that ended before it. So the newest full backup that is
as old as the policy goes stays, and all before it go, with what builds on them. Where that one cannot be restored, the
policy goes back to one that can.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import FULL, Backup, Catalog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_wal import reach


def expired(catalog: Catalog, keep_days: int, now: datetime) -> tuple[Backup, ...]:
    """The backups of all repositories that the policy keeps no longer, the oldest first."""
    repositories = sorted({backup.repository for backup in catalog.backups})
    return tuple(
        backup for number in repositories for backup in _expired(catalog.in_repository(number), keep_days, now)
    )


def kept_days(held: Catalog, keep_days: int, now: datetime) -> int:
    """How many days of one repository are kept: more than declared where else no sound full backup so old would stay.

    A whole number of days, for an engine takes no other. So one more backup may stay than must.
    """
    old = _full_ones(held, now - timedelta(days=keep_days))
    can = restorable(held)
    sound = [backup for backup in old if backup in can]
    if not sound or sound[-1] == old[-1]:
        return keep_days
    return (now - sound[-1].stopped).days + 1


def _full_ones(held: Catalog, until: datetime) -> list[Backup]:
    """Those that ended before this moment, the oldest first."""
    old = (backup for backup in held.backups if backup.kind == FULL and backup.stopped <= until)
    return sorted(old, key=lambda backup: backup.stopped)


def _expired(held: Catalog, keep_days: int, now: datetime) -> Iterator[Backup]:
    old = _full_ones(held, now - timedelta(days=kept_days(held, keep_days, now)))
    if not old:
        return
    gone = {backup.label for backup in old[:-1]}
    for backup in held.backups:
        if backup.label in gone or gone.intersection(backup.required):
            yield backup


def restorable(catalog: Catalog) -> tuple[Backup, ...]:
    """The backups that are sound and whose own WAL, and all that they build on, is there."""
    sound = [backup for backup in catalog.backups if not backup.faulty]
    labels = {(backup.repository, backup.label) for backup in sound}
    return tuple(
        backup
        for backup in sound
        if all((backup.repository, label) in labels for label in backup.required)
        and reach(catalog.in_repository(backup.repository), backup) is not None
    )
