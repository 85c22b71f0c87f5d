# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member's host told of the cluster's backups. Immutable; parsed once, here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class BackupStatus:
    """`ages`: seconds since the newest backup of each repository ended, None where there is none, by its label.

    `failure`: of this member's last attempt, if nobody has succeeded since. `problems`: why a repository could not be
    read, by its label. `missing`: the first WAL after the newest backup that is not there. `unmended`: why WAL of a
    former leader could not be archived.
    """

    interval_hours: int = 24
    ages: Mapping[str, float | None] = field(default_factory=dict)
    failure: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""
    unmended: str = ""

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> BackupStatus:
        """Parse what host_status returned. Raises KeyError or TypeError when it is something else."""
        repositories = told["repositories"]
        return cls(
            interval_hours=told["interval_hours"],
            ages={each["repository"]: each["age_seconds"] for each in repositories},
            failure=told["failure"],
            problems={each["repository"]: each["problem"] for each in repositories if each["problem"]},
            missing=told["missing"],
            unmended=told["unmended"],
        )
