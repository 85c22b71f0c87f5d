# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the repositories hold and what the hosts say, as the plans of a restore want it. Parsed once, here. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.archive import Archive, BackupSet, Fork, Gap
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import Catalog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.restore import Place, Restoring

Facts = Mapping[str, Any]


def backups_of(catalog: Catalog) -> tuple[BackupSet, ...]:
    """The backups."""
    return tuple(
        BackupSet(
            label=backup.label,
            ended_at=backup.stopped,
            begin=backup.start_lsn,
            end=backup.stop_lsn,
            timeline=backup.timeline,
            system_identifier=catalog.systems.get(backup.repository, ""),
            repository=backup.repository,
            kind=backup.kind,
            size=backup.size,
            problem="the engine found pages whose checksums do not fit" if backup.faulty else "",
        )
        for backup in catalog.backups
    )


def archive_of(catalog: Catalog, archived_until: str = "", archived_to: str = "") -> Archive:
    """The log, whichever repository a segment is in: each is fetched from the first that has it.

    *archived_until* and *archived_to* are the time and the position up to which a leader saw, or foresees, that all of
    the newest timeline is archived; a repository's clock may be another one.
    """
    size = catalog.segment_bytes
    ends: dict[int, int] = {}
    gaps: list[Gap] = []
    ordered = sorted({(each.segment.timeline, each.segment.number) for each in catalog.segments})
    for timeline, group in groupby(ordered, key=lambda each: each[0]):
        numbers = [number for _timeline, number in group]
        ends[timeline] = (numbers[-1] + 1) * size
        gaps += [Gap(timeline, (a + 1) * size, b * size) for a, b in pairwise(numbers) if b > a + 1]
    if archived_to:
        newest = max((*ends, *catalog.histories), default=1)
        ends[newest] = max(ends.get(newest, 0), lsn.parse(archived_to))
    return Archive(
        ends=ends,
        gaps=tuple(gaps),
        histories={
            timeline: tuple(Fork(fork.timeline, fork.lsn) for fork in forks)
            for timeline, forks in catalog.histories.items()
        },
        newest_at=max(_ends(catalog, archived_until), default=None),
    )


def _ends(catalog: Catalog, archived_until: str) -> Iterator[datetime]:
    """Repositories tell whole seconds, of which a commit may be in the last one."""
    newest = max((each.segment.timeline for each in catalog.segments), default=0)
    yield from (each.at + timedelta(seconds=1) for each in catalog.segments if each.segment.timeline == newest)
    if archived_until:
        yield datetime.fromisoformat(archived_until)


def restoring_from_facts(
    places: Mapping[str, Facts],
    members: Iterable[str],
    note: Facts | None,
    cluster: Facts | None,
    size: int,
    worker: str,
) -> Restoring:
    """The restore as it stands.

    `places`: what P(matriarch.pgcluster.restore_info#module) returned on each host that answers. `note`: what
    P(matriarch.pgcluster.restore_note#module) keeps. `cluster`: P(matriarch.pgcluster.patroni_cluster_info#module).
    """
    kept, seen = note or {}, cluster or {}
    return Restoring(
        places=tuple(place_from_facts(name, places.get(name), seen.get("leader")) for name in members),
        worker=worker,
        size=size,
        forgotten=bool(kept.get("forgotten")),
        backed_up=bool(kept.get("backed_up")),
        paused=bool(seen.get("paused")),
    )


def place_from_facts(name: str, told: Facts | None, leader: str | None) -> Place:
    """One data host, or one that is silent."""
    if told is None:
        return Place(name, answers=False)
    known = {field.name for field in fields(Place)}
    return Place(name, leads=name == leader, **{key: value for key, value in told.items() if key in known})
