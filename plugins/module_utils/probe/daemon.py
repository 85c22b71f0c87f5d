# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe's process: detached from whoever started it, and gone after its lifetime whatever happens."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from typing import NoReturn

from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.audit import clear_away, read_back
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.folder import Progress, RunFolder
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.job import Job
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.leash import Leash, Watch
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.log import StreamLog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.session import Connect
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.stream import Stream

TICK = 0.1
"""Seconds between two looks at the request to stop, and between two writings of the progress."""
LAST_ANSWERS = 5.0
"""Seconds that clients get to hear the answer to what they sent last."""
READING_BACK = 15.0
"""Seconds in which the table is read back; the leader may just be changing."""
CLEARING = 5.0
"""Seconds in which the rows are deleted."""
ENDING = LAST_ANSWERS + READING_BACK + CLEARING


def detach(job: Job, folder: RunFolder, lock: int, connect: Connect, leash: Leash | None = None) -> None:
    """Leave a probe behind that holds `lock`, and return at once.

    All that it will need is imported by now: Ansible removes the module's own files when the module ends.
    """
    child = os.fork()
    if child:
        os.close(lock)
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    _live(job, folder, connect, leash)


def _live(job: Job, folder: RunFolder, connect: Connect, leash: Leash | None) -> NoReturn:
    """Never returns into the module's code; the kernel's own alarm ends the process where nothing else does."""
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, job.lifetime)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: folder.ask_to_stop())
        _let_go_of_the_caller()
        measure(job, folder, connect, leash)
    finally:
        os._exit(0)


def _let_go_of_the_caller() -> None:
    """Whoever waits for the end of the module's output must not wait for the probe."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.chdir("/")
    os.umask(0o077)


def measure(job: Job, folder: RunFolder, connect: Connect, leash: Leash | None = None) -> None:
    """Let the clients work until the probe is told to stop, or nobody will tell it any more.

    That is when its operation has lost its lock, or there is just the time left to read the table back.
    """
    began, stop = time.monotonic(), threading.Event()
    end = began + max(job.lifetime - ENDING, job.lifetime / 2)
    streams = [Stream(n, e, job, connect, stop) for e in job.endpoints for n in range(1, job.clients + 1)]
    progress = Progress(job.uuid, time.time() - began, began, began, ())
    watch = Watch(leash, stop)
    for thread in (*streams, watch):
        thread.start()
    while not folder.stop_asked() and not watch.is_off and time.monotonic() < end:
        folder.write(progress := replace(progress, at=time.monotonic(), logs=tuple(s.log for s in streams)))
        time.sleep(TICK)
    stop.set()
    expired = None if folder.stop_asked() else _why_unasked(job, watch)
    logs = _last_answers(streams, time.monotonic() + LAST_ANSWERS)
    folder.write(progress := replace(progress, at=time.monotonic(), logs=logs))
    settled, unread = read_back(job, logs, connect, READING_BACK)
    # Written before the rows go: whoever finds this probe dead in between must not take them for lost.
    folder.write(progress := replace(progress, settled=settled))
    problems = filter(None, (expired, unread, clear_away(job, logs, connect, CLEARING)))
    folder.write(replace(progress, problem="; ".join(problems) or None, ended=True))


def _why_unasked(job: Job, watch: Watch) -> str:
    if watch.is_off:
        return "its operation does not hold the cluster's lock any more"
    return f"nobody stopped it within its lifetime of {job.lifetime:g} s"


def _last_answers(streams: list[Stream], deadline: float) -> tuple[StreamLog, ...]:
    for stream in streams:
        stream.join(max(0.0, deadline - time.monotonic()))
    return tuple(stream.log.closed(time.monotonic()) if stream.is_alive() else stream.log for stream in streams)
