# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQL on a member itself, as its superuser over the unix socket: one method for each question or order."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, RemoteError

try:
    import psycopg
except ImportError:  # told when it is needed, so that documentation tools can load this file without it
    psycopg = None  # type: ignore[assignment]

# Positions are bytes since 0/0: numbers that can be compared.
FLUSHED = """
    SELECT CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'
                ELSE pg_current_wal_flush_lsn() - '0/0' END::bigint
"""

# Transactions older than *seconds*, oldest first. A pooler's clients are its own business: it waits for them.
TRANSACTIONS = """
    SELECT pid, usename, datname, application_name, host(client_addr), state,
           extract(epoch FROM clock_timestamp() - xact_start)::float
    FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
      AND clock_timestamp() - xact_start > make_interval(secs => %s)
    ORDER BY xact_start
"""

PREPARED = "SELECT gid, owner, database, extract(epoch FROM clock_timestamp() - prepared)::float FROM pg_prepared_xacts"

# A WAL sender without a slot of Patroni's that copies, or decodes.
BASE_BACKUPS = "SELECT count(*) FROM pg_stat_progress_basebackup"
LOGICAL = """
    SELECT s.application_name, host(s.client_addr) FROM pg_stat_replication AS s
    JOIN pg_replication_slots AS slot ON slot.active_pid = s.pid WHERE slot.slot_type = 'logical'
"""

# Segments that wait for the archiver; a stop waits for them.
UNARCHIVED = """
    SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'
      AND current_setting('archive_mode') <> 'off'
"""

# The process that replays WAL, while it sleeps before it looks for more (wal_retrieve_retry_interval).
SLEEPING_STARTUP = """
    SELECT pid FROM pg_stat_activity
    WHERE backend_type = 'startup' AND wait_event = 'RecoveryRetrieveRetryInterval'
"""

SYNCHRONOUS = """
    SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')
"""


class MemberSql(AbstractContextManager["MemberSql"]):
    """One connection, opened when it is first needed and again after it broke. Raises RemoteError."""

    def __init__(self, socket_directory: str, port: int) -> None:
        if psycopg is None:
            raise MatriarchError("the Python library psycopg (3.1 or newer) is missing; install python3-psycopg")
        self._where = f"PostgreSQL in {socket_directory}, port {port}"
        self._target: dict[str, Any] = {
            "host": socket_directory,
            "port": port,
            "user": "postgres",
            "dbname": "postgres",
        }
        self._connection: Any = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection:
            self._connection.close()

    def is_in_recovery(self) -> bool:
        """True for a replica."""
        return bool(self._rows("SELECT pg_is_in_recovery()")[0][0])

    def sleeping_startup(self) -> int | None:
        """The process id of the startup process while it waits for its next look for WAL; None while it does not."""
        return next((int(pid) for (pid,) in self._rows(SLEEPING_STARTUP)), None)

    def started(self) -> str:
        """Since when PostgreSQL runs."""
        return str(self._rows("SELECT pg_postmaster_start_time()")[0][0])

    def is_receiving(self) -> bool:
        """True while WAL is streamed from another member."""
        return bool(self._rows("SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'")[0][0])

    def flushed(self) -> int:
        """The position up to which WAL is safe on this member's disk, in bytes."""
        return int(self._rows(FLUSHED)[0][0])

    def checkpoint(self) -> None:
        """Write all dirty buffers, so that none are left for the stop. Takes as long as the disk needs."""
        self._rows("CHECKPOINT")

    def reload(self) -> None:
        """Have the configuration files read again."""
        self._rows("SELECT pg_reload_conf()")

    def synchronous_standbys(self) -> int:
        """How many connected standbys a commit can wait for."""
        return int(self._rows(SYNCHRONOUS)[0][0])

    def transactions(self, older_than: float) -> list[dict[str, Any]]:
        """Client transactions that are older than so many seconds, oldest first."""
        columns = ("pid", "user", "database", "application", "client", "state", "seconds")
        return [dict(zip(columns, row, strict=True)) for row in self._rows(TRANSACTIONS, (older_than,))]

    def prepared_transactions(self) -> list[dict[str, Any]]:
        """Transactions of two-phase commits that wait for their second phase."""
        columns = ("gid", "owner", "database", "seconds")
        return [dict(zip(columns, row, strict=True)) for row in self._rows(PREPARED)]

    def base_backups(self) -> int:
        """How many base backups are being taken from this member."""
        return int(self._rows(BASE_BACKUPS)[0][0])

    def logical_walsenders(self) -> list[str]:
        """Who receives decoded changes: application name and address."""
        return [f"{name} ({address or 'local'})" for name, address in self._rows(LOGICAL)]

    def unarchived_segments(self) -> int:
        """WAL segments that wait to be archived; 0 where nothing is archived."""
        return int(self._rows(UNARCHIVED)[0][0])

    def setting(self, name: str) -> str:
        """A parameter's value."""
        return str(self._rows("SELECT current_setting(%s)", (name,))[0][0])

    def _rows(self, statement: str, values: tuple[Any, ...] | None = None) -> list[tuple[Any, ...]]:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(**self._target, connect_timeout=3, autocommit=True)
            cursor = self._connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise RemoteError(f"asking {self._where}: {error}", reason=str(error).strip()) from error
