# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member's timer knows of the backups: a small file, which the status reads without asking a repository."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import Backup, Catalog, shown

FOLDER = "/var/lib/matriarch/backup"
STATE_FILE = f"{FOLDER}/state.json"
MENDED_FILE = f"{FOLDER}/wal.json"


@dataclass(frozen=True)
class State:
    """Moments are in UTC, ISO 8601, empty where there was none.

    `place`: which repositories were looked at, by which engine; `moved_at`: since when others than before.
    `newest`: the newest backup of each by its number. `attempted_at`, `failure`: of the own last attempt, the latter
    empty when it succeeded. `due_since`: since when this member has known that a backup is due. `problems`: why a
    repository could not be read. `missing`: the first WAL that is missing after the newest backup.
    """

    checked_at: str = ""
    place: str = ""
    moved_at: str = ""
    newest: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""
    attempted_at: str = ""
    failure: str = ""
    due_since: str = ""

    @classmethod
    def read(cls, path: str = STATE_FILE) -> State:
        """The file's content; an empty state where there is none, or it holds something else."""
        return cls(**_read(path, asdict(cls())))

    def write(self, path: str = STATE_FILE) -> None:
        """Replace the file at once, so that nobody reads a half."""
        _write(path, asdict(self))

    def seen(self, catalog: Catalog, missing: str, now: datetime, place: str) -> State:
        """The same after a look at the repositories; of one that could not be read, the former look counts."""
        former = self.newest.items() if place == self.place else ()
        newest = {number: told for number, told in former if int(number) in catalog.problems}
        for backup in catalog.backups:
            known = newest.get(str(backup.repository))
            if known is None or known["started"] <= shown(backup.started):
                newest[str(backup.repository)] = _told(backup)
        problems = {str(number): words for number, words in catalog.problems.items()}
        moved_at = shown(now) if self.place not in ("", place) else self.moved_at
        looked = replace(self, checked_at=shown(now), place=place, moved_at=moved_at)
        return replace(looked, newest=newest, problems=problems, missing=missing)

    def begun_since(self, moment: datetime, repositories: int) -> bool:
        """Whether a backup has begun in every repository since then, as far as is known here."""
        begun = {number for number, told in self.newest.items() if told["started"] >= shown(moment)}
        return all(str(number) in begun for number in range(1, repositories + 1))


@dataclass(frozen=True)
class Mended:
    """`timeline`: that of a leader by which the WAL of all older ones is archived. `problem`: why some WAL is not."""

    timeline: int = 0
    problem: str = ""

    @classmethod
    def read(cls, path: str = MENDED_FILE) -> Mended:
        """As `State.read`."""
        return cls(**_read(path, asdict(cls())))

    def write(self, path: str = MENDED_FILE) -> None:
        """As `State.write`."""
        _write(path, asdict(self))


def _read(path: str, names: Mapping[str, Any]) -> dict[str, Any]:
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
        return {name: told[name] for name in names if name in told}
    except (OSError, ValueError, TypeError):
        return {}


def _write(path: str, facts: Mapping[str, Any]) -> None:
    new = Path(f"{path}.new")
    new.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    new.replace(path)


def _told(backup: Backup) -> dict[str, Any]:
    facts = backup.facts()
    return {name: facts[name] for name in ("label", "kind", "started", "stopped", "size_bytes", "stored_bytes")}
