# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQL as a probe's client sends it: one connection, every method one statement. Decides nothing, retries nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.sql import Login
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.job import Endpoint

try:
    import psycopg
except ImportError:  # told when it is needed, so that documentation tools can load this file without it
    psycopg = None  # type: ignore[assignment]

# How a client that shall not hang is set: it gives up a server that is silent for ten seconds.
PATIENCE: dict[str, Any] = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10000,
    "keepalives_idle": 5,
    "keepalives_interval": 1,
    "keepalives_count": 5,
}
LONGEST_TEXT = 300
TAKEN = "23505"  # unique_violation
NOT_REPLICATED = frozenset({"01000", "57P01"})
"""Classes of the warnings with which PostgreSQL ends a commit's wait for its synchronous standby (syncrep.c): the row
is committed here, and perhaps nowhere else. The classes are compared since the words come in the server's language."""


def check_library() -> None:
    """Raises MatriarchError where psycopg is missing."""
    if psycopg is None:
        raise MatriarchError("the Python library psycopg (3.1 or newer) is missing; install python3-psycopg")


DELETE = """
DELETE FROM matriarch.probe_writes WHERE run = %s OR written_at < pg_catalog.now() - interval '1 day' RETURNING seq
"""


class SessionError(Exception):
    """A statement or a connection failed. `maybe_done`: it may have been carried out nevertheless.

    `twice`: the row was there before it was written, so somebody wrote it in the client's name.
    """

    def __init__(self, why: str, *, maybe_done: bool, twice: bool = False) -> None:
        super().__init__(why)
        self.maybe_done = maybe_done
        self.twice = twice


class Session(Protocol):
    """What a probe needs of a connection. Every method raises SessionError."""

    def insert(self, run: str, stream: str, number: int) -> None:
        """Add a row in a transaction of its own."""

    def newest(self, run: str, stream: str) -> int | None:
        """The greatest number of a stream that is visible here."""

    def is_leader(self) -> bool:
        """True when a server answers that takes writes."""

    def rows(self, run: str) -> list[tuple[str, int]]:
        """All rows of a run: stream and number."""

    def delete(self, run: str) -> int:
        """Remove a run's rows, and those that a killed probe left a day ago or earlier; how many they were."""

    def close(self) -> None:
        """Drop the connection."""


Connect = Callable[[Endpoint, Login], Session]


class SqlSession:
    """A connection to an endpoint, with the server's certificate verified."""

    def __init__(self, endpoint: Endpoint, login: Login) -> None:
        self._warnings: list[str] = []
        try:
            self._connection = psycopg.connect(
                host=",".join(endpoint.hosts),
                port=endpoint.port,
                user=login.user,
                password=login.password,
                dbname=login.database,
                sslmode="verify-full",
                sslrootcert=login.ca_file,
                application_name="matriarch probe",
                autocommit=True,
                prepare_threshold=None,
                **PATIENCE,
            )
        except psycopg.Error as error:
            raise SessionError(_words(error), maybe_done=False) from error
        self._connection.add_notice_handler(lambda notice: self._warnings.append(notice.sqlstate or ""))

    def insert(self, run: str, stream: str, number: int) -> None:
        """Add a row; returns when it is committed as durably as the cluster promises."""
        self._warnings.clear()
        self._do("INSERT INTO matriarch.probe_writes (run, stream, seq) VALUES (%s, %s, %s)", run, stream, number)
        if NOT_REPLICATED.intersection(self._warnings):
            raise SessionError("the commit's wait for a synchronous standby was cancelled", maybe_done=True)

    def newest(self, run: str, stream: str) -> int | None:
        """The greatest number of a stream that is visible here; None where there is none."""
        statement = "SELECT max(seq) FROM matriarch.probe_writes WHERE run = %s AND stream = %s"
        newest: int | None = self._do(statement, run, stream)[0][0]
        return newest

    def is_leader(self) -> bool:
        """True when the server is not in recovery."""
        return self._do("SELECT pg_catalog.pg_is_in_recovery()") == [(False,)]

    def rows(self, run: str) -> list[tuple[str, int]]:
        """All rows of a run: stream and number."""
        return self._do("SELECT stream, seq FROM matriarch.probe_writes WHERE run = %s", run)

    def delete(self, run: str) -> int:
        """Remove a run's rows, and those that a killed probe left a day ago or earlier; how many they were."""
        return len(self._do(DELETE, run))

    def close(self) -> None:
        """Drop the connection."""
        self._connection.close()

    def _do(self, statement: str, *values: object) -> list[Any]:
        try:
            cursor = self._connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            twice = error.sqlstate == TAKEN
            raise SessionError(_words(error), maybe_done=twice or not _is_refusal(error), twice=twice) from error


def _is_refusal(error: psycopg.Error) -> bool:
    """True when the server said no to the statement itself.

    A lost connection says nothing about it, and neither does FATAL, with which servers and poolers end a session.
    """
    return error.sqlstate is not None and error.diag.severity_nonlocalized == "ERROR"


def _words(error: psycopg.Error) -> str:
    """On one line, as short as an operator can use it: psycopg repeats itself, and adds hints."""
    return " ".join(str(error).split())[:LONGEST_TEXT] or type(error).__name__
