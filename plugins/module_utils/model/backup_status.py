# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member's host told of the cluster's backups. Immutable; parsed once, here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import moment
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import Proof


@dataclass(frozen=True)
class BackupStatus:
    """`ages`: seconds since the newest backup of each repository ended, None where there is none, by its label.

    `failure`: of this member's last attempt, at `failed_at`, if it knows of none that began since. `begun`: when the
    newest backup that it knows of did. `problems`: why a repository could not be read, by its label. `missing`: the
    first WAL after the newest backup that is not there. `unmended`: why WAL of a former leader could not be archived.
    `proof`: the last drills and verifications that it knows of. `drill_hours`: how often a drill shall be made, 0 for
    only on demand; `drill_failure`: why this member's last one came to no verdict. `asked_at`: when it told that, by
    its own clock.
    """

    interval_hours: int = 24
    ages: Mapping[str, float | None] = field(default_factory=dict)
    failure: str = ""
    failed_at: str = ""
    begun: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""
    unmended: str = ""
    proof: Proof = field(default_factory=Proof)
    drill_hours: int = 0
    drill_failure: str = ""
    asked_at: datetime | None = None

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> BackupStatus:
        """Parse what host_status returned. Raises KeyError or TypeError when it is something else."""
        repositories = told["repositories"]
        return cls(
            interval_hours=told["interval_hours"],
            ages={each["repository"]: each["age_seconds"] for each in repositories},
            failure=told["failure"],
            failed_at=told["failed_at"],
            begun=max((newest["started"] for each in repositories if (newest := each.get("newest"))), default=""),
            problems={each["repository"]: each["problem"] for each in repositories if each["problem"]},
            missing=told["missing"],
            unmended=told["unmended"],
            proof=Proof.parse(told["proof"]),
            drill_hours=told["drill"]["interval_hours"],
            drill_failure=told["drill"]["failure"],
            asked_at=moment(told["asked_at"]),
        )
