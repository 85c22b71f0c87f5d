# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files by which a module and the probe that it left behind speak: one folder a run, for root alone."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.log import StreamLog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.report import Settlement

RUNS = Path("/run/matriarch")
PREFIX = "probe-"
A_DAY = 86400.0


@dataclass(frozen=True)
class Progress:
    """How far a probe is: its clients' logs at the monotonic time `at`, and what reading the table back showed.

    `ended` says that nothing more will come; `problem`, in words, what kept it from being complete.
    """

    uuid: str
    wall_minus_monotonic: float
    began: float
    at: float
    logs: tuple[StreamLog, ...]
    ended: bool = False
    settled: Mapping[str, Settlement] | None = None
    problem: str | None = None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Progress:
        """The progress as `to_json` gave it."""
        logs = tuple(StreamLog.from_json(log) for log in data["logs"])
        settled = data["settled"]
        return cls(
            **{
                **data,
                "logs": logs,
                "settled": None if settled is None else {name: Settlement(**one) for name, one in settled.items()},
            }
        )

    def to_json(self) -> dict[str, Any]:
        """The progress as plain data."""
        return asdict(self)

    @property
    def has_begun(self) -> bool:
        """True when every client had its first success."""
        return bool(self.logs) and all(log.has_begun for log in self.logs)


class RunFolder:
    """The folder of one run. The probe holds a lock in it for as long as it lives, however it ends."""

    def __init__(self, run: str, root: Path) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", run):
            raise MatriarchError(f"the run {run!r} is no name: use up to 64 of the characters A-Z a-z 0-9 . _ -")
        self.path = root / f"{PREFIX}{run}"
        self._lock, self._stop, self._progress = (self.path / name for name in ("lock", "stop", "progress.json"))

    def claim(self) -> int | None:
        """Take the lock of a new run, and return the open file that holds it; None where a probe has it already."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = self._try_lock()
        if descriptor is not None:
            for left_over in (self._stop, self._progress):
                left_over.unlink(missing_ok=True)
        return descriptor

    def is_alive(self) -> bool:
        """True while the probe runs."""
        if not self._lock.exists():
            return False
        descriptor = self._try_lock()
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def ask_to_stop(self) -> None:
        """Tell the probe that it is enough."""
        self._stop.touch(mode=0o600)

    def stop_asked(self) -> bool:
        """True when it was told so, or its folder is gone."""
        return self._stop.exists() or not self.path.exists()

    def write(self, progress: Progress) -> None:
        """Put the progress where a reader sees all of it or what was there before."""
        draft = self._progress.with_suffix(".new")
        draft.write_text(json.dumps(progress.to_json()), encoding="utf-8")
        draft.replace(self._progress)

    def read(self) -> Progress | None:
        """The newest progress, or None before the first."""
        try:
            return Progress.from_json(json.loads(self._progress.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def remove(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _try_lock(self) -> int | None:
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor


def sweep(root: Path, older_than: float = A_DAY) -> None:
    """Remove the folders of runs that ended unasked, and that nobody came back for within so many seconds."""
    for path in root.glob(f"{PREFIX}*"):
        folder = RunFolder(path.name.removeprefix(PREFIX), root)
        if time.time() - path.stat().st_mtime > older_than and not folder.is_alive():
            folder.remove()
