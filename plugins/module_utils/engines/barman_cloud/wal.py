# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WAL into all repositories, and out of the first that has it."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud import layout, tools
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud.bucket import Bucket
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings

NOT_THERE = 1
"""The exit code that PostgreSQL takes for the end of the log."""


def push(settings: Settings, path: Path) -> None:
    """Keep a file in every repository, whatever another one says. Raises MatriarchError."""
    problems = []
    for number in range(1, len(settings.repositories) + 1):
        try:
            _push(settings, number, path)
        except MatriarchError as error:
            problems.append(str(error))
    if problems:
        raise MatriarchError("; ".join(problems))


def _push(settings: Settings, number: int, path: Path) -> None:
    bucket = Bucket(settings, number)
    key = layout.wal_key(path.name)
    if not bucket.holds(key):
        tools.run(settings, number, "wal-archive", ["--gzip", *tools.encryption(settings)], (str(path),))
    elif plain(bucket, key) != path.read_bytes():
        advice = "another PostgreSQL archives into the same path: give each one of its own"
        raise MatriarchError(f"{bucket.label} holds other WAL by the name of {path.name}. Next: {advice}")


def fetch(settings: Settings, name: str, path: str, repository: int = 0) -> int:
    """Bring a file of WAL; the exit code. Raises MatriarchError where a repository that may have it cannot be asked.

    With *repository* that one alone is asked.
    """
    problems = []
    for number in [repository] if repository else range(1, len(settings.repositories) + 1):
        try:
            if Bucket(settings, number).holds(layout.wal_key(name)):
                tools.run(settings, number, "wal-restore", [], (name, path))
                return 0
        except MatriarchError as error:
            problems.append(str(error))
    if problems:
        raise MatriarchError("; ".join(problems))
    return NOT_THERE


def plain(bucket: Bucket, key: str) -> bytes:
    """What was compressed. Raises MatriarchError where it is damaged."""
    try:
        return gzip.decompress(bucket.read(key))
    except (OSError, EOFError, zlib.error) as error:
        raise MatriarchError(f"{bucket.label}: {key} is damaged: {error}") from error
