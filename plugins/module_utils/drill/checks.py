# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether restored data is sound, by PostgreSQL's own programs: what is wrong, a sentence each."""

from __future__ import annotations

import threading
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import command
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.command import EngineError

CORRUPT = 2
"""The exit code of pg_amcheck for something that is corrupt."""

WITHOUT_CHECKSUMS = "are not enabled"


def tables_and_indexes(programs: str, socket: Path, port: int, given_up: threading.Event) -> list[str]:
    """Every table's rows, and whether every index has each of them. Raises EngineError where they cannot be checked."""
    argv = [
        f"{programs}/pg_amcheck",
        f"--host={socket}",
        f"--port={port}",
        "--username=postgres",
        "--maintenance-db=postgres",
        "--all",
        "--install-missing",
        "--heapallindexed",
        "--jobs=1",
    ]
    try:
        command.work(argv, given_up)
    except EngineError as error:
        if error.details.get("rc") != CORRUPT:
            raise
        return [f"tables or indexes are corrupt: {error}"]
    return []


def checksums(programs: str, data: Path, given_up: threading.Event) -> tuple[list[str], bool]:
    """Every page's checksum, of data that no server runs on; and whether the data has any."""
    try:
        command.work([f"{programs}/pg_checksums", "--check", f"--pgdata={data}"], given_up)
    except EngineError as error:
        if WITHOUT_CHECKSUMS in str(error):
            return [], False
        return [f"pages are corrupt: {error}"], True
    return [], True
