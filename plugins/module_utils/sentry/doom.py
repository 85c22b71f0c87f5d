# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of every process of a unit, and the proof of it.

A process that waits for a hung disk cannot die before the disk comes back. But with SIGKILL pending it never runs an
instruction of its own again: whatever it waits for, the kernel ends it on the way back to user space. The same is true
of one that has begun to exit. Both can be seen in /proc, for each thread.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
KILL = "cgroup.kill"
SIGKILL_BIT = 1 << (9 - 1)  # in SigPnd
PF_EXITING = 0x4  # include/linux/sched.h
GONE = ("Z", "X")
FLAGS = 6  # in /proc/PID/stat: the place after the one of the state, which is 0
PATIENCE = 2.0
LOOK_SECONDS = 0.01


def kill(cgroup: Path) -> None:
    """Every process of it and below at once, and those that are being forked just now. Raises OSError (before 5.14).

    Of a unit without processes systemd removes the folder, also just now: then there is nobody to kill. That is so only
    beside others of the same kind; else it would never have been there.
    """
    try:
        (cgroup / KILL).write_text("1", encoding="ascii")
    except OSError:
        if cgroup.exists() or not (cgroup.parent / KILL).exists():
            raise


def alive(cgroup: Path) -> list[int]:
    """Those that may still run an instruction. Raises OSError where the kernel does not tell."""
    return sorted(pid for pid in inhabitants(cgroup) if not _is_doomed(pid))


def end(cgroup: Path, seconds: float = PATIENCE) -> list[int]:
    """Kill, until it is proved that nobody is left who may run; those who are left in vain. Raises OSError."""
    deadline = time.monotonic() + seconds
    while True:
        kill(cgroup)
        left = alive(cgroup)
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(LOOK_SECONDS)


def inhabitants(cgroup: Path) -> Iterator[int]:
    """The processes in it and below. A unit that has none may have no such folder. Raises OSError."""
    for folder, _names, _files in os.walk(cgroup):
        yield from map(int, (Path(folder) / "cgroup.procs").read_text(encoding="ascii").split())


def _is_doomed(pid: int) -> bool:
    try:
        threads = list((PROC / str(pid) / "task").iterdir())
    except FileNotFoundError:
        return True
    return all(map(_thread_is_doomed, threads))


def _thread_is_doomed(thread: Path) -> bool:
    try:
        status = (thread / "status").read_text(encoding="utf-8", errors="replace")
        stat = (thread / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return True
    fields = stat.rpartition(")")[2].split()
    pending = next(line.split()[1] for line in status.splitlines() if line.startswith("SigPnd:"))
    return fields[0] in GONE or bool(int(fields[FLAGS]) & PF_EXITING or int(pending, 16) & SIGKILL_BIT)
