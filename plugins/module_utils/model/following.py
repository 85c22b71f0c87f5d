# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a standby cluster has come with the log of the cluster that it follows. Immutable; parsed once, here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

REPLAYED, BEHIND, SILENT = "replayed", "behind", "silent"


@dataclass(frozen=True)
class Following:
    """`last_commit_at`: the newest commit that is replayed (ISO 8601, UTC), empty where none was since the start.

    `archive`: replayed, when it holds nothing that is not replayed; behind; or silent, when it does not answer, and
    `reason` says why. `replayed`: the position, as PostgreSQL writes it.
    """

    replayed: str
    archive: str
    reason: str = ""
    last_commit_at: str = ""
    last_commit_age_seconds: float | None = None

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> Following:
        """Parse what host_status returned. Raises TypeError when it is something else."""
        return cls(**told)

    def facts(self) -> dict[str, Any]:
        """As a module returns it."""
        return asdict(self)

    @property
    def told(self) -> str:
        """How it stands, for people."""
        age = self.last_commit_age_seconds
        commit = "no commit was replayed yet" if age is None else f"the last replayed commit is {age:.0f} s old"
        words = {
            REPLAYED: "and the archive has nothing newer",
            BEHIND: "and the archive has more",
            SILENT: f"and the archive does not answer: {self.reason}",
        }
        return f"{commit}, {words[self.archive]}"
