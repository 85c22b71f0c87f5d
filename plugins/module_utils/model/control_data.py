# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pg_controldata prints of a data directory, in the C locale. Immutable; parsed once, here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

STANDBY_SETTINGS = {
    "max_connections": "max_connections setting",
    "max_worker_processes": "max_worker_processes setting",
    "max_wal_senders": "max_wal_senders setting",
    "max_prepared_transactions": "max_prepared_xacts setting",
    "max_locks_per_transaction": "max_locks_per_xact setting",
}
"""Parameters of which a standby needs as much as the primary had (documentation of hot standby)."""

WRITER_SETTINGS = {
    "wal_level": "wal_level setting",
    "wal_log_hints": "wal_log_hints setting",
    "track_commit_timestamp": "track_commit_timestamp setting",
}
"""Parameters that decide what is written to the log; they shall stay as they were."""


@dataclass(frozen=True)
class ControlData:
    """A data directory: `state` in PostgreSQL's words, like "shut down" or "in archive recovery"."""

    system_identifier: str
    state: str
    timeline: int
    segment_size: int = 16 * 2**20  # bytes
    standby_settings: Mapping[str, int] = field(default_factory=dict)
    writer_settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_text(cls, text: str) -> ControlData:
        """Parse what was printed. Raises ValueError when a line is missing."""
        lines = {
            key.strip(): value.strip() for key, _colon, value in (line.partition(":") for line in text.splitlines())
        }
        try:
            return cls(
                system_identifier=lines["Database system identifier"],
                state=lines["Database cluster state"],
                timeline=int(lines["Latest checkpoint's TimeLineID"]),
                segment_size=int(lines["Bytes per WAL segment"]),
                standby_settings={name: int(lines[line]) for name, line in STANDBY_SETTINGS.items()},
                writer_settings={name: lines[line] for name, line in WRITER_SETTINGS.items()},
            )
        except KeyError as error:
            raise ValueError(f"pg_controldata printed no line {error}") from error

    @property
    def is_cleanly_stopped(self) -> bool:
        """True when it was a primary that was shut down in order."""
        return self.state == "shut down"


def insufficient(told: str) -> tuple[str, int] | None:
    """The parameter and the value that PostgreSQL says it had on the primary (a DETAIL of its log)."""
    found = re.search(r"(\w+) = \d+ is a lower setting than on the primary server, where its value was (\d+)", told)
    return (found[1], int(found[2])) if found else None
