# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL hands its WAL over one segment at a time, and waits for each.

Those that wait behind one are sent beside it and noted in a folder, so that their own turn costs next to nothing. A
note holds for the very file that it was made of, and for the same repositories.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import FILE

SPOOL = "/var/spool/matriarch-barman"
MOST = 8
"""So many are sent beside one: a stop of PostgreSQL throws away what is under way."""

FORGOTTEN = 24 * 3600.0
"""Seconds; a note that is older waits for a turn that does not come, because another member leads."""

Keep = Callable[[Path], None]


@dataclass(frozen=True)
class Ahead:
    """The notes of one cluster; `place` tells its repositories from others."""

    place: str
    spool: Path = Path(SPOOL)

    def was_sent(self, path: Path) -> bool:
        """Whether this file has been sent already; the note is gone then."""
        note = self.spool / path.name
        try:
            sent = note.read_text(encoding="utf-8") == self._stamp(path)
            note.unlink()
        except OSError:
            return False
        return sent

    def send(self, path: Path, keep: Keep, processes: int) -> None:
        """Keep this file, and those that wait behind it. Raises as `keep` does, for this one alone."""
        self._forget()
        with ThreadPoolExecutor(max(processes, 1)) as pool:
            own = pool.submit(keep, path)
            behind = {pool.submit(keep, each): each for each in self._waiting(path)}
            try:
                own.result()
            except MatriarchError:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            for sent, each in behind.items():
                if sent.exception() is None:
                    self._note(each)

    def _waiting(self, path: Path) -> list[Path]:
        ready = sorted((path.parent / "archive_status").glob("*.ready"))
        names = [each.stem for each in ready if each.stem > path.name and FILE.fullmatch(each.stem)]
        return [path.parent / name for name in names[:MOST] if not (self.spool / name).exists()]

    def _note(self, path: Path) -> None:
        new = self.spool / f"{path.name}.new"
        new.write_text(self._stamp(path), encoding="utf-8")
        new.replace(self.spool / path.name)

    def _stamp(self, path: Path) -> str:
        found = path.stat()
        return json.dumps([self.place, found.st_size, found.st_mtime_ns])

    def _forget(self) -> None:
        for note in self.spool.glob("*"):
            if time.time() - note.stat().st_mtime > FORGOTTEN:
                note.unlink()
