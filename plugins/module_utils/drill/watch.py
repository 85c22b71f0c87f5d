# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches over work that must not go on when something is lost on its way: the cluster's lock, or room on the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError

Look = Callable[[], str]
"""Why the work must not go on; empty where it may."""


class GivenUp(MatriarchError):
    """The work was ended before its time; that says nothing about what was worked on."""


class Watch(AbstractContextManager["Watch"]):
    """Looks every second while it is entered. `given_up` is set once one look says why, and stays so."""

    def __init__(self, looks: Sequence[Look], interval: float = 1.0) -> None:
        self.given_up = threading.Event()
        self._reason = ""
        self._looks = list(looks)
        self._interval = interval
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watch:
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._watcher.join()

    def go_on(self) -> None:
        """Raises GivenUp with the reason where the work must not go on."""
        if self.given_up.is_set():
            raise GivenUp(self._reason)

    def _watch(self) -> None:
        while not self._ended.wait(self._interval):
            for look in self._looks:
                if reason := look():
                    self._reason = reason
                    self.given_up.set()
                    return
