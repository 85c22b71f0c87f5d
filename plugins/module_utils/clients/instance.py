# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the PostgreSQL of this host knows of itself, asked over its unix socket. Reads only.

The views and functions are those of PostgreSQL 15 to 18. Each answer is made JSON by the server, so that types survive.
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import libpq
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError

# A fresh primary's control file still names the old timeline; the name of the WAL file that it writes does not.
# After a receiver's restart it may have received less than was replayed before.
STANDING = """
    SELECT pg_is_in_recovery() AS in_recovery,
           current_setting('server_version') AS version,
           CASE WHEN pg_is_in_recovery()
                THEN coalesce((SELECT received_tli FROM pg_stat_wal_receiver),
                              (SELECT nullif(min_recovery_end_timeline, 0) FROM pg_control_recovery()),
                              (SELECT timeline_id FROM pg_control_checkpoint()))
                ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END AS timeline,
           CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn() END AS current_lsn,
           CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() END AS receive_lsn,
           CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END AS replay_lsn,
           (SELECT status FROM pg_stat_wal_receiver) AS receiver,
           CASE WHEN NOT pg_is_in_recovery() THEN NULL
                WHEN pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn() THEN 0
                ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
           END AS replay_lag_seconds
"""

FOLLOWING = """
    SELECT pg_is_in_recovery() AS in_recovery,
           current_setting('restore_command') AS restore_command,
           current_setting('data_directory') AS data_directory,
           pg_size_bytes(current_setting('wal_segment_size')) AS segment_bytes,
           CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END AS replay_lsn,
           greatest((SELECT received_tli FROM pg_stat_wal_receiver),
                    (SELECT min_recovery_end_timeline FROM pg_control_recovery()),
                    (SELECT timeline_id FROM pg_control_checkpoint())) AS timeline,
           to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS last_commit_at,
           extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) AS last_commit_age_seconds
"""

ARCHIVER = """
    SELECT current_setting('archive_mode') <> 'off' AS enabled, archived_count, last_archived_wal, failed_count,
           last_failed_wal, coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) AS failing,
           (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') AS ready_files
    FROM pg_stat_archiver
"""

TRANSACTIONS = """
    SELECT (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0) FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()) AS longest_transaction_seconds,
           (SELECT count(*) FROM pg_prepared_xacts) AS prepared_transactions
"""

HERE = """
    CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
         ELSE pg_current_wal_lsn() END
"""

REPLICATION = f"""
    SELECT application_name, host(client_addr) AS client_address, state, sync_state,
           {HERE} - sent_lsn AS sent_lag_bytes, {HERE} - flush_lsn AS flush_lag_bytes,
           {HERE} - replay_lsn AS replay_lag_bytes, extract(epoch FROM replay_lag) AS replay_lag_seconds
    FROM pg_stat_replication ORDER BY application_name, pid
"""

SLOTS = f"""
    SELECT slot_name AS name, slot_type AS type, active, {HERE} - restart_lsn AS retained_bytes, wal_status
    FROM pg_replication_slots ORDER BY slot_name
"""

# Since PostgreSQL started, or recovered from a crash.
DAMAGED_PAGES = """
    SELECT coalesce(json_object_agg(coalesce(datname, 'shared objects'), checksum_failures), '{}') AS damaged_pages
    FROM pg_stat_database WHERE checksum_failures > 0
"""


class Instance(AbstractContextManager["Instance"]):
    """One connection as *postgres*. *timeout*, in seconds, holds for connecting and for each answer.

    Every method raises RemoteError, with PostgreSQL's words, where it refuses or does not answer.
    """

    def __init__(self, socket_directory: str, port: int, timeout: float = 3.0) -> None:
        self._where = f"PostgreSQL at {socket_directory}, port {port}"
        self._timeout = timeout
        try:
            self._connection = libpq.connect(
                host=socket_directory,
                port=port,
                user="postgres",
                dbname="postgres",
                connect_timeout=max(2, int(timeout)),
                client_encoding="UTF8",
                # What this side has given up, the server gives up as well.
                options=f"-c default_transaction_read_only=on -c statement_timeout={round(timeout * 1000)}",
            )
        except libpq.Unanswered as error:
            raise RemoteError(f"connecting to {self._where}: {error}", reason=str(error)) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def standing(self) -> dict[str, Any]:
        """Primary or standby, its timeline, its positions (as PostgreSQL writes them), and its lag in seconds.

        A standby that has replayed all that it received has no lag; how much it did not receive, the primary knows.
        """
        return self._first("its standing", STANDING)

    def following(self) -> dict[str, Any]:
        """What a standby reads its log with, how far it has replayed, and how old the last commit in it is."""
        return self._first("what it follows", FOLLOWING)

    def archiver(self) -> dict[str, Any]:
        """How archiving goes; `failing` when the last attempt did not succeed, `ready_files` wait for it."""
        return self._first("the archiver", ARCHIVER)

    def transactions(self) -> dict[str, Any]:
        """The age of the longest transaction, and how many are prepared for a two-phase commit."""
        return self._first("transactions", TRANSACTIONS)

    def replication(self) -> list[dict[str, Any]]:
        """Who streams from here, and how far behind they are, in bytes of WAL and in seconds."""
        return self._rows("replication", REPLICATION)

    def slots(self) -> list[dict[str, Any]]:
        """The replication slots, and how many bytes of WAL each keeps."""
        return self._rows("replication slots", SLOTS)

    def damaged_pages(self) -> dict[str, Any]:
        """How often a page was read that does not fit its checksum, by database; nothing where all do."""
        return self._first("damaged pages", DAMAGED_PAGES)

    def _first(self, subject: str, statement: str) -> dict[str, Any]:
        return self._rows(subject, statement)[0]

    def _rows(self, subject: str, statement: str) -> list[dict[str, Any]]:
        try:
            rows = libpq.ask(self._connection, f"SELECT to_json(told) AS row FROM ({statement}) AS told", self._timeout)
        except TimeoutError as error:
            raise self._failure(subject, f"no answer within {self._timeout:g} s") from error
        except (libpq.Said, libpq.Unanswered) as error:
            raise self._failure(subject, str(error)) from error
        return [json.loads(row["row"]) for row in rows]

    def _failure(self, subject: str, reason: str) -> RemoteError:
        return RemoteError(f"asking {self._where} for {subject}: {reason}", reason=reason)
