# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that no signal ends: they write to a file system that somebody has frozen, and has not lived to thaw."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .shell import attempt


def release(pids: Iterable[int]) -> None:
    """Thaw every file system on a block device that these processes see; one that is not frozen stays as it is."""
    for pid in pids:
        for mount in _mounts_of_devices(pid):
            attempt("nsenter", "--target", pid, "--mount", "--", "fsfreeze", "--unfreeze", mount)


def _mounts_of_devices(pid: int) -> list[str]:
    """Where they are mounted for a process, as proc_pid_mountinfo(5) lists them."""
    try:
        lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    except OSError:  # it has ended
        return []
    parts = [line.partition(" - ") for line in lines]
    return [place.split()[4] for place, _dash, kind in parts if kind.split()[1].startswith("/dev/")]
