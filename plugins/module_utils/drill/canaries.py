# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Canaries in a PostgreSQL of this host: written by the one that leads, read in any, over its unix socket."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import libpq
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.canary import Canary

KEPT = 1440
"""Rows; as one comes each minute, a day of them."""

ANSWER = 10.0  # seconds

FOLLOWS = "SELECT pg_is_in_recovery() AS follows, to_regclass('matriarch.canary') IS NOT NULL AS there"
MAKE = """
    CREATE SCHEMA IF NOT EXISTS matriarch;
    CREATE TABLE IF NOT EXISTS matriarch.canary (
        number bigint PRIMARY KEY,
        written_at timestamptz NOT NULL,
        position pg_lsn NOT NULL
    );
    COMMENT ON TABLE matriarch.canary IS 'Rows that restore drills look for; one is written each minute'
"""
WRITE = f"""
    WITH gone AS (DELETE FROM matriarch.canary WHERE number <= (SELECT max(number) - {KEPT} FROM matriarch.canary))
    INSERT INTO matriarch.canary (number, written_at, position)
    SELECT coalesce(max(number), 0) + 1, clock_timestamp(), pg_current_wal_insert_lsn() FROM matriarch.canary
"""
READ = """
    SELECT number, position,
           to_char(written_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00') AS written_at
    FROM matriarch.canary
"""


class NotServing(RemoteError):
    """PostgreSQL takes no connection now, or ended the one there was: it starts, stops or is stopped."""


class Canaries(AbstractContextManager["Canaries"]):
    """One connection as *postgres*. Every method raises RemoteError, with PostgreSQL's words, of which NotServing."""

    def __init__(self, socket_directory: str, port: int) -> None:
        self._where = f"PostgreSQL at {socket_directory}, port {port}"
        # It is there for the archive: no standby is waited for, and no lock of anybody's for long.
        options = f"-c synchronous_commit=local -c lock_timeout=3s -c statement_timeout={round(ANSWER * 1000)}"
        try:
            self._connection = libpq.connect(
                host=socket_directory,
                port=port,
                user="postgres",
                dbname="postgres",
                connect_timeout=5,
                client_encoding="UTF8",
                options=options,
            )
        except libpq.Unanswered as error:
            raise NotServing(f"connecting to {self._where}: {error}", reason=str(error)) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def write(self) -> bool:
        """Write one where this PostgreSQL leads; whether it does."""
        row = self._ask(FOLLOWS)[0]
        if row["follows"] == "t":
            return False
        if row["there"] != "t":
            self._ask(MAKE)
        self._ask(WRITE)
        return True

    def read(self) -> tuple[Canary, ...]:
        """All that there are."""
        if self._ask(FOLLOWS)[0]["there"] != "t":
            return ()
        return tuple(
            Canary(int(row["number"]), datetime.fromisoformat(row["written_at"]), lsn.parse(row["position"]))
            for row in self._ask(READ)
        )

    def _ask(self, statement: str) -> list[libpq.Row]:
        try:
            return libpq.ask(self._connection, statement, ANSWER)
        except TimeoutError as error:
            raise RemoteError(f"asking {self._where} for canaries: no answer in time", reason="no answer") from error
        except libpq.Unanswered as error:
            raise NotServing(f"asking {self._where} for canaries: {error}", reason=str(error)) from error
        except libpq.Said as error:
            raise RemoteError(f"asking {self._where} for canaries: {error}", reason=str(error)) from error
