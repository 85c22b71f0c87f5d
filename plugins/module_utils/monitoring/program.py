# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts' own program: `matriarch-metrics`, which a timer starts. It leaves a file for node_exporter.

Its settings are JSON: where to write, the release, what a commit promises, the certificates, the ballast's file, and
the backups' settings ("" for none).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.told import told
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.certificates import read_certificate
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.host_system import clock_synchronized
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.monitoring.exposition import text
from ansible_collections.matriarch.pgcluster.plugins.module_utils.monitoring.gauges import Found, gauges

SETTINGS_FILE = "/etc/matriarch/monitoring/metrics.json"
BLOCK = 512
"""Bytes in a block of stat(2)."""


def main(path: str = SETTINGS_FILE) -> int:
    """Look, and replace the file at once. What could not be read is said and left out: then it ends with 1."""
    settings = json.loads(Path(path).read_text(encoding="utf-8"))
    problems: list[str] = []
    _replace(Path(settings["file"]), text(gauges(look(settings, problems))))
    for problem in problems:
        sys.stderr.write(f"matriarch-metrics: {problem}\n")
    return 1 if problems else 0


def look(settings: Mapping[str, Any], problems: list[str]) -> Found:
    """One look at the host; why something could not be read is added to `problems`."""
    return Found(
        version=settings["version"],
        protection=settings["protection"],
        certificates=_certificates(settings["certificates"], problems),
        clock_synchronized=_clock(problems),
        ballast_bytes=_ballast(settings["ballast_file"]),
        backups=_backups(settings["backup_settings"], problems),
    )


def _certificates(paths: list[str], problems: list[str]) -> dict[str, float]:
    ends: dict[str, float] = {}
    for path in paths:
        try:
            ends[path] = read_certificate(path).not_after.timestamp()
        except MatriarchError as error:
            problems.append(str(error))
    return ends


def _clock(problems: list[str]) -> bool | None:
    try:
        return clock_synchronized()
    except PermissionError:  # a container, whose clock is not its own
        return None
    except (OSError, ValueError) as error:
        problems.append(f"asking the kernel for its clock: {error}")
        return None


def _ballast(path: str) -> int | None:
    """Bytes on the disk, not those that `ls` shows: a file of holes keeps nothing back."""
    if not path:
        return None
    with suppress(FileNotFoundError):
        return Path(path).stat().st_blocks * BLOCK
    return 0


def _backups(path: str, problems: list[str]) -> dict[str, Any] | None:
    if not path:
        return None
    try:
        return told(path, datetime.now(UTC))
    except MatriarchError as error:
        problems.append(str(error))
        return None


def _replace(path: Path, content: str) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(content, encoding="utf-8")
    beside.replace(path)
