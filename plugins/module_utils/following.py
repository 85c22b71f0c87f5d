# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the PostgreSQL of a standby cluster, and the archive that it reads, how far it has come. Reads only.

How old the last commit is tells little while nobody writes. So the archive is asked for what comes next, by the very
command by which PostgreSQL asks: the next segment, and a timeline that begins later.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.fetched_wal import FetchedWal
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.instance import Instance
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.following import (
    BEHIND,
    REPLAYED,
    SILENT,
    Following,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import Segment, parse_history

Fetch = Callable[[str, Path], bool]


def read_following(socket_directory: str, port: int, seconds: float) -> Following | None:
    """None where PostgreSQL reads no archive. `seconds`: for one question to it. Raises RemoteError by PostgreSQL."""
    with Instance(socket_directory, port) as instance:
        told = instance.following()
    if not told["in_recovery"] or not told["restore_command"]:
        return None
    archive = FetchedWal(told["restore_command"], Path(told["data_directory"]), seconds)
    state, reason = _archive(told, archive.fetch)
    return Following(
        replayed=told["replay_lsn"] or "",
        archive=state,
        reason=reason,
        last_commit_at=told["last_commit_at"] or "",
        last_commit_age_seconds=told["last_commit_age_seconds"],
    )


def _archive(told: Mapping[str, Any], fetch: Fetch) -> tuple[str, str]:
    with tempfile.TemporaryDirectory(prefix="matriarch-following-") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        try:
            return has_more(told, fetch, Path(folder)), ""
        except RemoteError as error:
            return SILENT, error.reason


def has_more(told: Mapping[str, Any], fetch: Fetch, folder: Path) -> str:
    """behind, where the archive has what is not replayed, else replayed. Raises RemoteError when it is silent."""
    if not told["replay_lsn"]:
        return BEHIND
    replayed, size = lsn.parse(told["replay_lsn"]), told["segment_bytes"]
    timeline = told["timeline"]
    while fetch(f"{timeline + 1:08X}.history", folder / "history"):
        timeline += 1
        forks = parse_history((folder / "history").read_text(encoding="utf-8"))
        if forks and forks[-1].lsn > replayed:
            return BEHIND
    here = Segment(timeline, (replayed - 1) // size)
    if fetch(Segment(timeline, here.number + 1).name(size), folder / "next"):
        return BEHIND
    # Its end is not replayed where a record goes on in the next one; what counts is that PostgreSQL has it.
    own = Path(told["data_directory"], "pg_wal", here.name(size))
    if fetch(here.name(size), folder / "here") and not (own.exists() and filecmp.cmp(own, folder / "here", False)):
        return BEHIND
    return REPLAYED
