# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member that makes a backup asks of the leader."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings

SECONDS = 5
CHECKPOINT_SECONDS = 600
"""It writes all that is dirty in the leader's memory, as fast as the disk takes it."""

REPLAY_SECONDS = 300
END = "SELECT pg_switch_wal() WHERE pg_walfile_name(pg_current_wal_insert_lsn()) <= %s"
"""Once is enough: what was written since is none of the backup's."""

BEHIND = "SELECT pg_wal_lsn_diff(%s::pg_lsn, pg_last_wal_replay_lsn())"
"""In bytes; NULL where nothing is replayed: this member leads meanwhile."""


def checkpoint(settings: Settings, address: str) -> None:
    """Have the leader make a checkpoint, and wait until it is replayed here.

    A backup of a standby begins at the standby's last restart point, which can only be where a checkpoint of the leader
    is: up to `checkpoint_timeout` back, in WAL that a repository which has just been declared does not have.
    Source: "Making a Base Backup Using the Low Level API" in PostgreSQL's documentation. Raises MatriarchError.
    """
    import psycopg2  # it comes with Barman; only hosts have it

    try:
        with _asked(_of_leader(settings, address), CHECKPOINT_SECONDS) as leader:
            leader.execute("CHECKPOINT")
            leader.execute("SELECT pg_current_wal_insert_lsn()")
            (position,) = leader.fetchone()
    except psycopg2.Error as error:
        raise MatriarchError(f"CHECKPOINT on the leader {address}: {_words(error)}") from error
    try:
        with _asked(_of_member(settings), SECONDS) as member:
            await_replay(member, position)
    except psycopg2.Error as error:
        raise MatriarchError(f"{settings.member}, asked for what it has replayed: {_words(error)}") from error


def await_replay(member: Any, position: str) -> None:
    """Wait until a position of WAL is replayed; a member that promotes meanwhile has it. Raises MatriarchError."""
    deadline = time.monotonic() + REPLAY_SECONDS
    while True:
        member.execute(BEHIND, (position,))
        (behind,) = member.fetchone()
        if behind is None or behind <= 0:
            return
        if time.monotonic() > deadline:
            late = f"it is {behind} bytes behind the leader's checkpoint at {position} after {REPLAY_SECONDS} s"
            raise MatriarchError(f"no backup is made of this member: {late}; see why it does not replay")
        time.sleep(0.2)


def end_segment(settings: Settings, address: str, segment: str) -> str:
    """Have the leader begin a new segment if it still writes this one; why it would not, empty where it did."""
    import psycopg2

    try:
        with _asked(_of_leader(settings, address), SECONDS) as leader:
            leader.execute(END, (segment,))
    except psycopg2.Error as error:
        return f"{address}: {_words(error)}"
    return ""


def _of_leader(settings: Settings, address: str) -> dict[str, Any]:
    return {
        "host": address,
        "user": settings.member_login,
        "sslmode": "verify-full",
        "sslrootcert": settings.ca_file,
        "sslcert": settings.certificate_file,
        "sslkey": settings.key_file,
        "port": settings.postgres_port,
    }


def _of_member(settings: Settings) -> dict[str, Any]:
    return {"host": settings.socket_directory, "user": "postgres", "port": settings.postgres_port}


@contextmanager
def _asked(way: dict[str, Any], seconds: int) -> Iterator[Any]:
    """A cursor whose statements end after so many seconds. Raises psycopg2.Error."""
    import psycopg2

    limit = f"-c statement_timeout={seconds * 1000}"
    connection = psycopg2.connect(**way, dbname="postgres", connect_timeout=SECONDS, options=limit)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def _words(error: Exception) -> str:
    return str(error).strip()
