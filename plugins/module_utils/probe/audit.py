# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After the measuring: what is in the table, as the leader has it, and then nothing of it any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TypeVar

from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.job import WRITE, Job
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.log import StreamLog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.report import Settlement, settle
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.session import Connect, Session, SessionError

Answer = TypeVar("Answer")
BETWEEN = 0.1
"""Seconds between two attempts."""


def read_back(
    job: Job, logs: Sequence[StreamLog], connect: Connect, seconds: float
) -> tuple[dict[str, Settlement] | None, str | None]:
    """Compare what was acknowledged with the rows that the leader has; or say, in words, why that was not possible."""
    if not has_rows(logs):
        return settle(logs, ()), None
    rows, problem = _of_the_leader(job, connect, seconds, lambda session: session.rows(job.uuid))
    return (None, f"its rows could not be read back {problem}") if rows is None else (settle(logs, rows), None)


def clear_away(job: Job, logs: Sequence[StreamLog], connect: Connect, seconds: float) -> str | None:
    """Delete the rows; or say, in words, why that was not possible (then a later probe does it)."""
    if not has_rows(logs):
        return None
    deleted, problem = _of_the_leader(job, connect, seconds, lambda session: session.delete(job.uuid))
    return f"its rows could not be deleted {problem}" if deleted is None else None


def has_rows(logs: Sequence[StreamLog]) -> bool:
    """True when something of these clients may be in the table."""
    return any(log.mode == WRITE and log.may_have_rows for log in logs)


def _of_the_leader(
    job: Job, connect: Connect, seconds: float, work: Callable[[Session], Answer]
) -> tuple[Answer | None, str]:
    """What the leader answers, through whichever endpoint leads to it first; None and the reason after the time."""
    deadline, attempt = time.monotonic() + seconds, 0
    while True:
        endpoint = job.writers[attempt % len(job.writers)]
        try:
            with closing(connect(endpoint, job.login)) as session:
                if session.is_leader():
                    return work(session), ""
            problem = "a replica answers where the leader should"
        except SessionError as error:
            problem = str(error)
        if time.monotonic() >= deadline:
            return None, f"through {endpoint.name} at {endpoint.address}: {problem}"
        attempt += 1
        time.sleep(BETWEEN)
