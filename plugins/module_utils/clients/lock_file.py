# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock in a file of this host, with its holder and until when. It lies below /run: no boot of the host outlives it.

What is garbled there is a finding, not an error.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.operation import Lock, OperationState


def now() -> float:
    """Seconds since the boot, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class LockFile:
    """The lock in *path*. Raises OSError where the file cannot be had."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Inside it no other process looks at the lock or changes it."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path.with_suffix(".guard"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def read(self) -> OperationState:
        """The lock as etcd's would be told; one whose time is over is none."""
        try:
            content, revision = self._path.read_bytes(), self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return OperationState()
        try:
            lock, until = Lock.parse(content), float(json.loads(content)["until"])
        except (ValueError, TypeError, KeyError) as error:
            problem = f"{self._path} holds no lock: {error}"
            return OperationState(lock_problem=problem, revision=revision, problems=(problem,))
        if until <= now():
            return OperationState()
        return OperationState(lock=lock, revision=revision, lease=1, seconds_left=round(until - now()))

    def write(self, lock: Lock) -> None:
        """Let it begin, or begin anew."""
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps({**json.loads(lock.to_bytes()), "until": now() + lock.ttl}), encoding="utf-8")
        part.replace(self._path)

    def remove(self) -> None:
        """Let it end."""
        self._path.unlink(missing_ok=True)
