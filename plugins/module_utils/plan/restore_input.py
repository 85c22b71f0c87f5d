# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the repositories hold and what the hosts say, as the plans of a restore want it. Parsed once, here. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from itertools import groupby, pairwise
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.archive import Archive, BackupSet, Fork, Gap
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import Archived, Catalog
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
            system_identifier=catalog.system_identifier,
            repository=backup.repository,
            kind=backup.kind,
            size=backup.size,
            problem="the engine found pages whose checksums do not fit" if backup.faulty else "",
        )
        for backup in catalog.backups
    )


def archive_of(catalog: Catalog) -> Archive:
    """The log, whichever repository a segment is in: each is fetched from the first that has it."""
    size = catalog.segment_bytes
    ends: dict[int, int] = {}
    gaps: list[Gap] = []
    ordered = sorted({(each.segment.timeline, each.segment.number) for each in catalog.segments})
    for timeline, group in groupby(ordered, key=lambda each: each[0]):
        numbers = [number for _timeline, number in group]
        ends[timeline] = (numbers[-1] + 1) * size
        gaps += [Gap(timeline, (a + 1) * size, b * size) for a, b in pairwise(numbers) if b > a + 1]
    return Archive(
        ends=ends,
        gaps=tuple(gaps),
        histories={
            timeline: tuple(Fork(fork.timeline, fork.lsn) for fork in forks)
            for timeline, forks in catalog.histories.items()
        },
        newest_at=max((each.at for each in _of_newest_timeline(catalog.segments)), default=None),
    )


def _of_newest_timeline(segments: Iterable[Archived]) -> Iterator[Archived]:
    kept = list(segments)
    newest = max((each.segment.timeline for each in kept), default=0)
    return (each for each in kept if each.segment.timeline == newest)


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
