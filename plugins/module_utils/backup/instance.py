# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member's data directory tells of its PostgreSQL, whether or not that runs."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import command
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings

IDENTIFIER = "Database system identifier:"


def system_identifier(settings: Settings) -> str:
    """What tells this cluster from every other one; empty while there is no data. Raises EngineError."""
    if not Path(settings.data_directory, "global", "pg_control").exists():
        return ""
    told = command.call([f"{settings.binary_directory}/pg_controldata", "-D", settings.data_directory])
    lines = (line for line in told.splitlines() if line.startswith(IDENTIFIER))
    return next(lines, "").removeprefix(IDENTIFIER).strip()
