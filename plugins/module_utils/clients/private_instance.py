# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL of this host that nobody but this host's administrator reaches: how it is started, and what it is asked.

It listens to a socket in a directory of its own and to no address, archives nothing, and takes nothing from the
configuration that it was restored with: words of the command line win over every file.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import libpq
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.control_data import ControlData

HBA = "local all all trust\n"  # whoever gets into the directory of the socket
LONGEST_ANSWER = 30.0  # seconds

# A command that archives is only missing for a while: what waits for it is kept, and archived by the cluster later.
PRIVATE = {
    "listen_addresses": "",
    "archive_mode": "on",
    "archive_command": "",
    "hot_standby": "on",
    "autovacuum": "off",
    "ssl": "off",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] ",
    "log_min_messages": "log",
    "log_checkpoints": "on",
    "lc_messages": "C",
    "primary_conninfo": "",
    "primary_slot_name": "",
    "synchronous_standby_names": "",
    "shared_preload_libraries": "",
    "cluster_name": "matriarch-restore",
    "external_pid_file": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

STANDING = """
    SELECT pg_is_in_recovery() AS in_recovery,
           CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() = 'paused' ELSE false END AS paused,
           pg_last_wal_replay_lsn() AS replayed,
           to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00')
               AS last_commit,
           CASE WHEN NOT pg_is_in_recovery() THEN substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END AS timeline
"""


@dataclass(frozen=True)
class Setup:
    """Where it lives and with what it runs. `floors`: what a primary had since the backup, by parameter."""

    programs: str
    data: Path
    run: Path
    port: int
    recovery: Mapping[str, str] = field(default_factory=dict)
    floors: Mapping[str, int] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    def command(self, control: ControlData) -> list[str]:
        """The words that start it in the foreground."""
        standby = {name: str(max(value, self.floors.get(name, 0))) for name, value in control.standby_settings.items()}
        parameters = {
            "config_file": str(self.run / "postgresql.conf"),
            "hba_file": str(self.run / "pg_hba.conf"),
            "ident_file": str(self.run / "pg_ident.conf"),
            "unix_socket_directories": str(self.run),
            "port": str(self.port),
            **PRIVATE,
            **control.writer_settings,
            **standby,
            **self.parameters,
            **self.recovery,
        }
        words = [word for name, value in parameters.items() for word in ("-c", f"{name}={value}")]
        return [f"{self.programs}/postgres", "-D", str(self.data), *words]


@dataclass(frozen=True)
class Standing:
    """How it stands: still in recovery, paused in it, how far it replayed, and the time of the last commit in that."""

    in_recovery: bool
    paused: bool
    replayed: str
    last_commit: str
    timeline: int | None


class PrivateInstance(AbstractContextManager["PrivateInstance"]):
    """One connection as *postgres*. Every method raises RemoteError, with PostgreSQL's words."""

    def __init__(self, run: Path, port: int) -> None:
        self._where = f"the private PostgreSQL in {run}"
        try:
            self._connection = libpq.connect(
                host=str(run), port=port, user="postgres", dbname="postgres", connect_timeout=5, client_encoding="UTF8"
            )
        except libpq.Unanswered as error:
            raise RemoteError(f"connecting to {self._where}: {error}", reason=str(error)) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def standing(self) -> Standing:
        """How far it is."""
        row = self._ask("its standing", STANDING, LONGEST_ANSWER)[0]
        return Standing(
            in_recovery=row["in_recovery"] == "t",
            paused=row["paused"] == "t",
            replayed=row["replayed"],
            last_commit=row["last_commit"],
            timeline=int(row["timeline"], 16) if row["timeline"] else None,
        )

    def promote(self, seconds: float) -> bool:
        """End the recovery; whether that was done in so many seconds."""
        rows = self._ask(
            "its promotion", f"SELECT pg_promote(true, {round(seconds)}) AS done", seconds + LONGEST_ANSWER
        )
        return rows[0]["done"] == "t"

    def checkpoint(self) -> None:
        """Write what is in memory. Takes as long as the disk needs."""
        self._ask("a checkpoint", "CHECKPOINT", None)

    def _ask(self, subject: str, statement: str, seconds: float | None) -> list[libpq.Row]:
        try:
            return libpq.ask(self._connection, statement, seconds)
        except TimeoutError as error:
            raise RemoteError(f"asking {self._where} for {subject}: no answer in time", reason="no answer") from error
        except (libpq.Said, libpq.Unanswered) as error:
            raise RemoteError(f"asking {self._where} for {subject}: {error}", reason=str(error)) from error
