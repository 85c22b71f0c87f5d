# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file systems on which paths of this host lie. Raises OSError where one cannot be read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MOUNTS = Path("/proc/self/mountinfo")
GIVEN_UP = frozenset({"ro", "emergency_ro", "shutdown"})


def volumes(paths: Mapping[str, str]) -> list[dict[str, Any]]:
    """One for each file system, with those of the paths (by what they are for) that exist there."""
    found: dict[int, dict[str, Any]] = {}
    for purpose, name in paths.items():
        path = Path(name)
        if not path.exists():
            continue
        volume = found.setdefault(path.stat().st_dev, {"holds": {}, **_room(path)})
        volume["holds"][purpose] = name
    return list(found.values())


def _room(path: Path) -> dict[str, Any]:
    """As statvfs(3) tells it; `free` is what ordinary users may have."""
    told = os.statvfs(path)
    return {
        "free_bytes": told.f_bavail * told.f_frsize,
        "total_bytes": told.f_blocks * told.f_frsize,
        "free_files": told.f_favail,
        "total_files": told.f_files,
        "read_only": bool(told.f_flag & os.ST_RDONLY) or _given_up(path),
    }


def _given_up(path: Path) -> bool:
    """Whether the kernel lets nothing be written any more after an error; newer ones tell it here alone.

    The options of the file system itself come last in a line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
    """
    device = path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    lines = (line.split() for line in MOUNTS.read_text(encoding="utf-8").splitlines())
    options = (words[-1].split(",") for words in lines if words[2] == number)
    return any(GIVEN_UP.intersection(each) for each in options)
