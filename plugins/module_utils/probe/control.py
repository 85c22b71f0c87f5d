# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting a probe and stopping it, as its module does; the probe itself lives in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import DeadlineExceeded
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.audit import clear_away, read_back
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.daemon import (
    CLEARING,
    ENDING,
    READING_BACK,
    detach,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.folder import Progress, RunFolder, sweep
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.job import Job
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.leash import Leash
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.report import iso, report
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.session import Connect
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until

SLACK = 5.0
"""Seconds that a busy host may take longer than the probe's own deadlines."""


@dataclass(frozen=True)
class Look:
    """A run as it is seen from outside."""

    alive: bool
    progress: Progress | None

    @property
    def has_begun(self) -> bool:
        """True when all clients had their first success."""
        return self.progress is not None and self.progress.has_begun


def look_at(folder: RunFolder) -> Look:
    """Whether the process lives is asked first: when it is gone, what it wrote last is all there will be."""
    alive = folder.is_alive()
    return Look(alive, folder.read())


def start(job: Job, folder: RunFolder, connect: Connect, seconds: float, leash: Leash | None = None) -> None:
    """Leave a probe behind, unless one of that name runs, and wait until all its clients had their first success.

    Raises DeadlineExceeded that names the endpoints where they had none; the probe is told to stop then.
    """
    sweep(folder.path.parent)
    lock = folder.claim()
    if lock is not None:
        detach(job, folder, lock, connect, leash)
    outcome = wait_until(
        lambda: look_at(folder), lambda seen: seen.has_begun or not seen.alive, seconds=seconds, interval=0.05
    )
    if not (outcome.last.alive and outcome.last.has_begun):
        folder.ask_to_stop()
        raise DeadlineExceeded(in_vain(outcome.last, job, outcome.seconds))


def in_vain(seen: Look, job: Job, seconds: float) -> str:
    """Which clients had no success, through which endpoint, and why."""
    addresses = {endpoint.name: endpoint.address for endpoint in job.endpoints}
    silent = [log for log in (seen.progress.logs if seen.progress else ()) if not log.has_begun]
    told = [
        f"no {log.mode} through {log.endpoint} at {addresses.get(log.endpoint)}: {log.latest_error or 'no answer yet'}"
        for log in silent
    ]
    return (
        f"the probe had no success within {seconds:.0f} s: {'; '.join(told) or 'its process ended at once'}. "
        "Next, on this host: journalctl -u haproxy -u 'pgbouncer@*' -n 50"
    )


def stop(job: Job, folder: RunFolder, connect: Connect) -> dict[str, Any]:
    """End a probe and return what it measured. One that died left its logs, and the table is read back for it."""
    seen = look_at(folder)
    if not seen.alive and seen.progress is None:
        folder.remove()
        return NOTHING
    folder.ask_to_stop()
    seen = wait_until(lambda: look_at(folder), lambda it: not it.alive, seconds=ENDING + SLACK, interval=0.1).last
    if seen.progress is None:
        return {**NOTHING, "found": True, "problem": "it is there, but wrote nothing"}
    if seen.alive:
        late = f"it did not end within {ENDING + SLACK:.0f} s; it will be gone when its lifetime is over"
        return facts(replace(seen.progress, problem=late), died=False)
    died = not seen.progress.ended
    progress = finish(seen.progress, job, connect) if died else seen.progress
    folder.remove()
    return facts(progress, died=died)


def finish(progress: Progress, job: Job, connect: Connect) -> Progress:
    """Do for a dead probe what it could not do any more; its measuring ended with its last sign of life."""
    job = replace(job, uuid=progress.uuid)
    logs, settled, unread = tuple(log.closed(progress.at) for log in progress.logs), progress.settled, None
    if settled is None:
        settled, unread = read_back(job, logs, connect, READING_BACK)
    death = f"its process died at {iso(progress.at + progress.wall_minus_monotonic)}"
    problems = filter(None, (death, unread, clear_away(job, logs, connect, CLEARING)))
    return replace(progress, logs=logs, settled=settled, problem="; ".join(problems))


NOTHING: dict[str, Any] = {
    "found": False,
    "died": False,
    "problem": None,
    "began_at": None,
    "seconds": 0.0,
    "endpoints": {},
}


def facts(progress: Progress, *, died: bool) -> dict[str, Any]:
    """The result as the module returns it."""
    by_endpoint = report(progress.logs, progress.wall_minus_monotonic, progress.settled)
    return {
        "found": True,
        "died": died,
        "problem": progress.problem,
        "began_at": iso(progress.began + progress.wall_minus_monotonic),
        "seconds": round(progress.at - progress.began, 1),
        "endpoints": {name: one.facts() for name, one in by_endpoint.items()},
    }
