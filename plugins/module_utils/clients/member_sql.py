# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQL on a member itself, as its superuser over the unix socket: one method for each question or order."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import libpq
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError

# Seconds. An agent whose PostgreSQL hangs has to be there for its next question, and to end with its operation.
LONGEST_ANSWER = 5.0
LONGEST_CHECKPOINT = 600.0

# Positions are bytes since 0/0: numbers that can be compared.
FLUSHED = """
    SELECT CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'
                ELSE pg_current_wal_flush_lsn() - '0/0' END::bigint
"""

# Transactions older than *seconds*, oldest first. A pooler's clients are its own business: it waits for them.
TRANSACTIONS = """
    SELECT pid, usename AS "user", datname AS database, application_name AS application, host(client_addr) AS client,
           state, extract(epoch FROM clock_timestamp() - xact_start)::float AS seconds
    FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
      AND clock_timestamp() - xact_start > make_interval(secs => {seconds})
    ORDER BY xact_start
"""

PREPARED = """
    SELECT gid, owner, database, extract(epoch FROM clock_timestamp() - prepared)::float AS seconds
    FROM pg_prepared_xacts
"""

# A WAL sender without a slot of Patroni's that copies, or decodes.
BASE_BACKUPS = "SELECT count(*) FROM pg_stat_progress_basebackup"
LOGICAL = """
    SELECT s.application_name AS name, host(s.client_addr) AS address FROM pg_stat_replication AS s
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
    """One connection, opened when it is first needed and again after it broke. Raises RemoteError.

    That also where there is no answer in time: psycopg alone would wait for a hung disk without end.
    """

    def __init__(self, socket_directory: str, port: int) -> None:
        libpq.require()
        self._where = f"PostgreSQL in {socket_directory}, port {port}"
        self._target: dict[str, Any] = {
            "host": socket_directory,
            "port": port,
            "user": "postgres",
            "dbname": "postgres",
            "client_encoding": "UTF8",
            "connect_timeout": 3,
        }
        self._connection: Any = None
        self._prepared: dict[str, str] = {}  # their names by what is asked; known to this connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()

    def is_in_recovery(self) -> bool:
        """True for a replica."""
        return bool(self._value("SELECT pg_is_in_recovery()"))

    def sleeping_startup(self) -> int | None:
        """The process id of the startup process while it waits for its next look for WAL; None while it does not."""
        return next((int(row["pid"]) for row in self._rows(SLEEPING_STARTUP)), None)

    def started(self) -> str:
        """Since when PostgreSQL runs."""
        return str(self._value("SELECT pg_postmaster_start_time()"))

    def is_receiving(self) -> bool:
        """True while WAL is streamed from another member."""
        return bool(self._value("SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'"))

    def flushed(self) -> int:
        """The position up to which WAL is safe on this member's disk, in bytes."""
        return int(self._value(FLUSHED))

    def checkpoint(self) -> None:
        """Write all dirty buffers, so that none are left for the stop. Takes as long as the disk needs."""
        self._ask("CHECKPOINT", LONGEST_CHECKPOINT)

    def reload(self) -> None:
        """Have the configuration files read again."""
        self._ask("SELECT pg_reload_conf()", LONGEST_ANSWER)

    def synchronous_standbys(self) -> int:
        """How many connected standbys a commit can wait for."""
        return int(self._value(SYNCHRONOUS))

    def transactions(self, older_than: float) -> list[dict[str, Any]]:
        """Client transactions that are older than so many seconds, oldest first."""
        return self._rows(TRANSACTIONS.format(seconds=float(older_than)))

    def prepared_transactions(self) -> list[dict[str, Any]]:
        """Transactions of two-phase commits that wait for their second phase."""
        return self._rows(PREPARED)

    def base_backups(self) -> int:
        """How many base backups are being taken from this member."""
        return int(self._value(BASE_BACKUPS))

    def logical_walsenders(self) -> list[str]:
        """Who receives decoded changes: application name and address."""
        return [f"{row['name']} ({row['address'] or 'local'})" for row in self._rows(LOGICAL)]

    def unarchived_segments(self) -> int:
        """WAL segments that wait to be archived; 0 where nothing is archived."""
        return int(self._value(UNARCHIVED))

    def configuration_file(self) -> str:
        """Where its configuration lies."""
        return str(self._value("SELECT current_setting('config_file')"))

    def _value(self, statement: str) -> Any:
        """The only column of the only row."""
        (value,) = self._rows(statement)[0].values()
        return value

    def _rows(self, statement: str) -> list[dict[str, Any]]:
        """Prepared with the first asking, for some are asked every few milliseconds while clients are held."""
        self._connect()
        asked = ""
        if statement not in self._prepared:
            self._prepared[statement] = f"question_{len(self._prepared)}"
            asked = f"PREPARE {self._prepared[statement]} AS SELECT to_json(told) AS row FROM ({statement}) AS told;"
        question = f"{asked}EXECUTE {self._prepared[statement]}"
        return [json.loads(row["row"]) for row in self._ask(question, LONGEST_ANSWER)]

    def _ask(self, statement: str, seconds: float) -> list[libpq.Row]:
        """After an error the connection is made anew: it may be busy, and what is prepared on it uncertain."""
        self._connect()
        try:
            return libpq.ask(self._connection, statement, seconds)
        except TimeoutError as error:
            self._hang_up()
            raise self._failure(f"no answer within {seconds:g} s") from error
        except (libpq.Said, libpq.Unanswered) as error:
            self._hang_up()
            raise self._failure(str(error)) from error

    def _connect(self) -> None:
        if self._connection is not None and not self._connection.closed:
            return
        try:
            self._connection = libpq.connect(**self._target)
        except libpq.Unanswered as error:
            raise self._failure(str(error)) from error
        self._prepared = {}

    def _hang_up(self) -> None:
        if self._connection:
            self._connection.close()

    def _failure(self, reason: str) -> RemoteError:
        return RemoteError(f"asking {self._where}: {reason}", reason=reason)
