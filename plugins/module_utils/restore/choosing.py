# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With which backup a recovery begins, and all that whoever carries it out has to know."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.engine import Engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.archive import Archive
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import Catalog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.recovery import RecoveryTarget
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.restore_choice import choose_backup
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.restore_input import backups_of


def choose(
    backups: Engine,
    settings: Settings,
    catalog: Catalog,
    archive: Archive,
    target: RecoveryTarget,
    folder: str,
    *,
    named: str = "",
    system_identifier: str = "",
    spool: str = "",
    repository: int = 0,
) -> dict[str, Any]:
    """The choice as the module restore_choice returns it, for data in *folder*. Raises Refused.

    *repository*: the log comes out of that one alone, as *catalog* has only what is there.
    """
    choice = choose_backup(
        backups_of(catalog),
        archive,
        target,
        named=named,
        system_identifier=system_identifier,
        now=datetime.now(UTC),
    )
    end = archive.ends.get(choice.timeline, choice.backup.end)
    here = replace(settings, data_directory=folder)
    return {
        "label": choice.backup.label,
        "kind": choice.backup.kind,
        "ended_at": choice.backup.ended_at.isoformat(),
        "repository": choice.backup.repository,
        "size": choice.backup.size,
        "system_identifier": choice.backup.system_identifier,
        "reason": choice.reason,
        "timeline": choice.timeline,
        "newest_timeline": archive.newest_timeline,
        # The last segment may be empty but for its beginning: its file was switched before it was full.
        "at_least": lsn.show(max(end - catalog.segment_bytes, choice.backup.end)),
        "restore_command": or_end(backups.fetch(here, spool, repository)),
        "warnings": list(choice.warnings),
    }


def or_end(command: str) -> str:
    """PostgreSQL takes every code up to 125 for the end of the log, and one above for a reason to stop (xlogarchive.c).

    An engine that finds no such file ends with 1; anything else is no end, but a repository that does not answer.
    """
    return f"{command}; code=$?; test $code -le 1 || code=200; exit $code"
