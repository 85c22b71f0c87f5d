# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backup a recovery begins with, or why none can lead to the target. Pure.

A backup leads there when it ended before the target, lies on the way to the target's timeline, and all log between the
two is there. A transaction or a named point is in no list: where several backups could be right, the user says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.archive import (
    Archive,
    BackupSet,
    Gap,
    Way,
    way_to,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.recovery import RecoveryTarget

SHOWN = 10
UNSEEN = ("xid", "name")
"""Targets of which only the log itself tells where they are."""


@dataclass(frozen=True)
class Choice:
    """The backup, why this one, and the way from it."""

    backup: BackupSet
    reason: str
    timeline: int
    warnings: tuple[str, ...] = ()


def choose_backup(
    backups: Sequence[BackupSet],
    archive: Archive,
    target: RecoveryTarget,
    *,
    named: str = "",
    system_identifier: str = "",
    now: datetime | None = None,
) -> Choice:
    """The newest backup that leads to the target, or the named one. Raises Refused with what is available.

    *system_identifier* is that of the cluster that shall be restored; empty, any is good.
    """
    newest_first = sorted(backups, key=lambda backup: (backup.ended_at, backup.label), reverse=True)
    _refuse_what_never_was(newest_first, archive, target, now)
    way = way_to(archive, target.timeline)
    if named:
        backup = _named(newest_first, named)
        if reason := why_not(backup, archive, way, target, system_identifier):
            raise Refused(f"the backup {named} does not lead to {target.told}: {reason}. {_available(newest_first)}")
        return Choice(backup, "it was named", way.timeline, _warnings(backup, archive, way, target))
    against = {backup.label: why_not(backup, archive, way, target, system_identifier) for backup in newest_first}
    good = [backup for backup in newest_first if not against[backup.label]]
    if not good:
        told = "; ".join(f"{label}: {reason}" for label, reason in list(against.items())[:SHOWN])
        raise Refused(f"no backup leads to {target.told}: {told}")
    if target.kind in UNSEEN and len(good) > 1:
        raise Refused(
            f"where {target.told} is stands in the log alone, and a backup that ended later does not lead to it. Next: "
            f"name the newest one that ended before it, -e backup=LABEL. {_available(good)}"
        )
    reason = "it is the newest that ended before the target" if target.kind in ("time", "lsn") else "it is the newest"
    return Choice(good[0], reason, way.timeline, _warnings(good[0], archive, way, target))


def _refuse_what_never_was(
    backups: Sequence[BackupSet], archive: Archive, target: RecoveryTarget, now: datetime | None
) -> None:
    if not backups:
        raise Refused("there is no backup. Next: look at the repository's address, its keys, and at backup_info")
    if target.timeline != "latest" and int(target.timeline) not in {*archive.ends, *archive.histories}:
        known = ", ".join(str(timeline) for timeline in sorted({*archive.ends, *archive.histories}))
        raise Refused(f"the archive has no timeline {target.timeline}; it has {known or 'none'}")
    if target.time and now and target.time > now:
        raise Refused(f"{target.told} lies in the future: it is {now.isoformat()}")


def _named(backups: Sequence[BackupSet], label: str) -> BackupSet:
    for backup in backups:
        if backup.label == label:
            return backup
    raise Refused(f"there is no backup {label!r}. {_available(backups)}")


def _available(backups: Sequence[BackupSet]) -> str:
    told = [backup.told for backup in backups[:SHOWN]] + (["..."] if len(backups) > SHOWN else [])
    return f"Available, the newest first: {', '.join(told)}"


def why_not(backup: BackupSet, archive: Archive, way: Way, target: RecoveryTarget, system_identifier: str = "") -> str:
    """Why the backup does not lead to the target; empty where it does, as far as can be known without the log."""
    if backup.problem:
        return backup.problem
    if system_identifier and backup.system_identifier != system_identifier:
        return f"it is of another cluster (system identifier {backup.system_identifier}, not {system_identifier})"
    if not way.passes(backup.timeline, backup.end):
        here = f"timeline {backup.timeline} at {lsn.show(backup.end)}"
        return f"it is on {here}, which the way to timeline {way.timeline} does not pass"
    if target.time and backup.ended_at > target.time:
        return f"it ended after the target, at {backup.ended_at.isoformat()}"
    if target.position is not None and backup.end > target.position:
        return f"it ended after the target, at {lsn.show(backup.end)}"
    return _why_no_log(backup, archive, way, target)


def _why_no_log(backup: BackupSet, archive: Archive, way: Way, target: RecoveryTarget) -> str:
    """An immediate target needs what was written during the backup, all others the log up to the target."""
    until = backup.end if target.kind == "immediate" else target.position
    for gap in gaps_after(backup, archive, way):
        if until is None and target.kind == "time":
            continue  # whether it lies before the target stands in the log alone
        if until is None or gap.begin < until:
            return f"the log between it and the target is not whole: {gap.told} is missing"
    reach = archive.ends.get(way.timeline, 0)
    if target.position is not None and target.position > reach:
        return f"the log reaches {lsn.show(reach)} on timeline {way.timeline}, and ends before the target"
    if target.time and archive.newest_at and target.time > archive.newest_at:
        return f"the log reaches {archive.newest_at.isoformat()}, and ends before the target"
    if backup.end > archive.ends.get(backup.timeline, 0):
        return f"the log that belongs to it is missing: it ends at {lsn.show(backup.end)}"
    return ""


def gaps_after(backup: BackupSet, archive: Archive, way: Way) -> list[Gap]:
    """The gaps on the way that a recovery from this backup meets, in their order."""
    found = []
    for gap in archive.gaps:
        span = way.span(gap.timeline)
        if span is None or gap.end <= backup.begin:
            continue
        begin, end = span
        if gap.end > begin and (end is None or gap.begin < end):
            found.append(gap)
    return sorted(found, key=lambda gap: (gap.timeline, gap.begin))


def _warnings(backup: BackupSet, archive: Archive, way: Way, target: RecoveryTarget) -> tuple[str, ...]:
    if target.kind != "time":
        return ()
    return tuple(
        f"log is missing, {gap.told}: the target is reached only if it lies before that"
        for gap in gaps_after(backup, archive, way)
    )
