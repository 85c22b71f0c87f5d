# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member's files tell of the backups: the status asks no repository, and so waits for none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.proofs import PROOF_FILE, Proofs
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.state import (
    MENDED_FILE,
    STATE_FILE,
    Mended,
    State,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.state import STATE_FILE as DRILL_FILE
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.state import DrillState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import moment, shown
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings


def told(
    settings_file: str,
    now: datetime,
    state_file: str = STATE_FILE,
    mended_file: str = MENDED_FILE,
    proof_file: str = PROOF_FILE,
    drill_file: str = DRILL_FILE,
) -> dict[str, Any] | None:
    """None where no backups are declared. Raises MatriarchError when the settings cannot be read."""
    if not Path(settings_file).exists():
        return None
    settings, state = Settings.read(settings_file), State.read(state_file)
    proof, drill = Proofs([], settings.cluster, proof_file).known_here(), DrillState.read(drill_file)
    drilled_at = proof.drill.at if proof.drill else ""
    labels = {str(number): each.label for number, each in enumerate(settings.repositories, 1)}
    last = max((newest["started"] for newest in state.newest.values()), default="")
    failure = state.failure if state.attempted_at > last else ""
    return {
        "interval_hours": settings.schedule.interval_hours,
        "checked_at": state.checked_at,
        "repositories": [_repository(label, state, number, now) for number, label in labels.items()],
        "failure": failure,
        "failed_at": state.attempted_at if failure else "",
        "missing": state.missing,
        "unmended": Mended.read(mended_file).problem,
        "proof": proof.told(),
        "drill": {
            "interval_hours": settings.drill.interval_hours,
            "failure": drill.failure if drill.failed_at > drilled_at else "",
        },
        "asked_at": shown(now),
    }


def _repository(label: str, state: State, number: str, now: datetime) -> Mapping[str, Any]:
    newest = state.newest.get(number)
    return {
        "repository": label,
        "newest": newest,
        "age_seconds": (now - moment(newest["stopped"])).total_seconds() if newest else None,
        "problem": state.problems.get(number, ""),
    }
