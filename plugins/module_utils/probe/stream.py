# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One client of a probe: a thread that writes, or reads, until it is told to stop."""

from __future__ import annotations

import threading
import time

from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.job import WRITE, Endpoint, Job
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.log import StreamLog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.session import Connect, Session, SessionError

LONGEST_BACKOFF = 0.1
"""Seconds. Each one lengthens a gap that is measured, so it stays far below any gap that matters."""


class Stream(threading.Thread):
    """Makes an attempt every `interval` seconds and writes down what came of it; `log` may be read at any time.

    The thread does not keep its process alive: a client that hangs must not hold up the report.
    """

    def __init__(self, number: int, endpoint: Endpoint, job: Job, connect: Connect, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.log = StreamLog(name_of(endpoint, number), endpoint.name, endpoint.mode)
        self._endpoint, self._job, self._connect, self._stop_asked = endpoint, job, connect, stop
        self._watched = name_of(job.writers[0], 1) if job.writers else ""
        self._session: Session | None = None

    def run(self) -> None:
        """Work until it is told to stop."""
        errors_in_a_row = 0
        while not self._stop_asked.is_set():
            began = time.monotonic()
            errors_in_a_row = 0 if self._attempt() else errors_in_a_row + 1
            pause = backoff(errors_in_a_row) if errors_in_a_row else began + self._job.interval - time.monotonic()
            self._stop_asked.wait(max(0.0, pause))
        self._drop()
        self.log = self.log.closed(time.monotonic())

    def _attempt(self) -> bool:
        self.log = self.log.sending()
        try:
            session = self._session = self._session or self._connect(self._endpoint, self._job.login)
            self._send(session)
        except SessionError as error:
            return self._note(str(error), maybe_done=error.maybe_done, twice=error.twice)
        except Exception as error:  # a client that dies of it would look like a pause of the cluster
            return self._note(f"the probe failed itself: {error!r}", maybe_done=True)
        self.log = self.log.answered(time.monotonic())
        if not self._endpoint.persistent:
            self._drop()
        return True

    def _note(self, why: str, *, maybe_done: bool, twice: bool = False) -> bool:
        self.log = self.log.denied(why, maybe_done=maybe_done, twice=twice)
        self._drop()
        return False

    def _send(self, session: Session) -> None:
        """Readers look for what the first writer wrote, so that they read as much as an application would."""
        if self._endpoint.mode == WRITE:
            session.insert(self._job.uuid, self.log.stream, self.log.attempts)
        else:
            session.newest(self._job.uuid, self._watched)

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def name_of(endpoint: Endpoint, number: int) -> str:
    """What a client calls itself in the table."""
    return f"{endpoint.name}#{number}"


def backoff(errors_in_a_row: int) -> float:
    """Seconds until the next attempt: none after the first error, then 10 ms, 20 ms, 40 ms and so on to 100 ms."""
    return 0.0 if errors_in_a_row <= 1 else min(0.01 * 2 ** min(errors_in_a_row - 2, 10), LONGEST_BACKOFF)
