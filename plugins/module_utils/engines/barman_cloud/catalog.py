# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the program on a host tells of the repositories, as every engine tells it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud import layout
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import FULL, Archived, Backup, Catalog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import Fork, Segment, parse_history

DONE = "DONE"
"""Barman's word for a backup that ended well."""

Told = Mapping[str, Any]


def read(settings: Settings, text: str) -> Catalog:
    """Everything that is in all repositories. Raises MatriarchError when none of them can be read."""
    told: dict[int, Told] = {int(number): each for number, each in json.loads(text).items()}
    problems = {number: f"repository {number}: {each['problem']}" for number, each in told.items() if each["problem"]}
    if problems and len(problems) == len(settings.repositories):
        raise MatriarchError("; ".join(problems.values()))
    backups = [backup for number, each in told.items() for backup in _backups(number, each)]
    histories = {timeline: forks for each in told.values() for timeline, forks in _histories(each)}
    systems = {number: system for number, each in told.items() if (system := _system(each))}
    return Catalog(
        backups=tuple(sorted(backups, key=lambda each: (each.stopped, each.label))),
        segments=tuple(segment for number in sorted(told) for segment in _segments(number, told[number])),
        histories=histories,
        systems=systems,
        problems=problems,
    )


def problems(text: str) -> list[str]:
    """What `verify` found."""
    return [str(each) for each in json.loads(text)]


def fields(text: str) -> dict[str, str]:
    """Barman's note of a backup: a line for each field."""
    lines = (line.partition("=") for line in text.splitlines())
    return {name: value for name, equals, value in lines if equals}


def _backups(number: int, told: Told) -> Iterator[Backup]:
    for key, text in told["texts"].items():
        label, note = layout.backup_of(key), fields(text)
        if label and key.endswith(layout.BACKUP_INFO) and note.get("status") == DONE:
            yield _backup(label, number, note, _stored(told, label))


def _backup(label: str, number: int, note: Mapping[str, str], stored: int) -> Backup:
    named = layout.NAMED.match(note.get("backup_name") or "")
    return Backup(
        label=label,
        kind=FULL,
        repository=number,
        started=datetime.fromisoformat(note["begin_time"]),
        stopped=datetime.fromisoformat(note["end_time"]),
        timeline=int(note["timeline"]),
        start_lsn=lsn.parse(note["begin_xlog"]),
        stop_lsn=lsn.parse(note["end_xlog"]),
        # One that somebody else made does not tell how much room it takes: at least as much as here.
        size=int(named[1]) if named else stored,
        stored=stored,
    )


def _stored(told: Told, label: str) -> int:
    return sum(size for key, size, _at in told["objects"] if layout.backup_of(key) == label)


def _segments(number: int, told: Told) -> Iterator[Archived]:
    found = ((layout.SEGMENT.match(key.rpartition("/")[2]), at) for key, _size, at in told["objects"])
    archived = [Archived(Segment.parse(name[1]), number, datetime.fromtimestamp(at, UTC)) for name, at in found if name]
    yield from sorted(archived, key=lambda each: each.segment)


def _histories(told: Told) -> Iterator[tuple[int, tuple[Fork, ...]]]:
    for key, text in told["texts"].items():
        if found := layout.HISTORY.match(key.rpartition("/")[2]):
            yield int(found[1], 16), parse_history(text)


def _system(told: Told) -> str:
    """Whose it is by its own note, or by the newest backup that somebody made before there was one."""
    if layout.OWNER in told["texts"]:
        return str(json.loads(told["texts"][layout.OWNER])["system_identifier"])
    notes = [fields(text) for key, text in sorted(told["texts"].items()) if layout.backup_of(key)]
    return next((note["systemid"] for note in reversed(notes) if note.get("systemid")), "")
