# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database for probes that lives in a file, since a probe works in a process of its own."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.sql import Login
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.job import Endpoint
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.session import SessionError


class FakeDatabase:
    """Files named `down`, `hangs` and `replica` in its folder make it refuse, hang, and answer as a replica."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "rows.sqlite"
        with self.connection() as connection:
            connection.execute("CREATE TABLE rows (run TEXT, stream TEXT, seq INTEGER)")

    def connection(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=30, isolation_level=None)

    def is_set(self, trait: str) -> bool:
        return (self.folder / trait).exists()

    def set(self, trait: str, on: bool = True) -> None:
        (self.folder / trait).touch() if on else (self.folder / trait).unlink()

    def rows(self) -> list[tuple[str, int]]:
        with self.connection() as connection:
            return connection.execute("SELECT stream, seq FROM rows ORDER BY stream, seq").fetchall()

    @property
    def pid(self) -> int:
        """The process that connected last."""
        return int((self.folder / "pid").read_text())

    def connect(self, endpoint: Endpoint, login: Login) -> FakeSession:
        self.answer()
        draft = self.folder / f"pid.{os.getpid()}.{time.monotonic_ns()}"
        draft.write_text(str(os.getpid()))
        draft.replace(self.folder / "pid")
        return FakeSession(self)

    def answer(self) -> None:
        while self.is_set("hangs"):
            time.sleep(0.01)
        if self.is_set("down"):
            raise SessionError("nobody listens", maybe_done=False)


class FakeSession:
    """One connection to it."""

    def __init__(self, database: FakeDatabase) -> None:
        self.database = database

    def insert(self, run: str, stream: str, number: int) -> None:
        self.database.answer()
        with self.database.connection() as connection:
            connection.execute("INSERT INTO rows VALUES (?, ?, ?)", (run, stream, number))
        if self.database.is_set("silent"):
            raise SessionError("the connection was lost", maybe_done=True)

    def newest(self, run: str, stream: str) -> int | None:
        self.database.answer()
        with self.database.connection() as connection:
            newest: int | None = connection.execute(
                "SELECT max(seq) FROM rows WHERE run = ? AND stream = ?", (run, stream)
            ).fetchone()[0]
            return newest

    def is_leader(self) -> bool:
        self.database.answer()
        return not self.database.is_set("replica")

    def rows(self, run: str) -> list[tuple[str, int]]:
        with self.database.connection() as connection:
            return connection.execute("SELECT stream, seq FROM rows WHERE run = ?", (run,)).fetchall()

    def delete(self, run: str) -> int:
        with self.database.connection() as connection:
            return connection.execute("DELETE FROM rows WHERE run = ?", (run,)).rowcount

    def close(self) -> None:
        pass
