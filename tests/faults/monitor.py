"""A watcher inside every host: no fault of the network can cut it off. It sees who leads, on which timeline."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn
from integration.inventory import Cluster
from lab import Lab, LabError

from faults.history import Sample

RETRY_SECONDS = 0.5
# Hosts share this machine's monotonic clock. It ends when nobody listens any more.
PROGRAM = """
import json, time, psycopg
QUESTION = '''
    SELECT NOT pg_is_in_recovery(),
        CASE WHEN pg_is_in_recovery() THEN NULL ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END,
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text
'''
session = None
while True:
    moment = time.monotonic()
    try:
        session = session or psycopg.connect("user=postgres dbname=postgres connect_timeout=2", autocommit=True)
        print(json.dumps([moment, *session.execute(QUESTION).fetchone()]), flush=True)
    except psycopg.Error:
        session = None
    time.sleep(0.25)
"""


class Monitor:
    """The watchers, for `with`; a host that comes back is watched again."""

    def __init__(self, lab: Lab, cluster: Cluster) -> None:
        self._lab = lab
        self._stop = threading.Event()
        self._samples: dict[str, list[Sample]] = {machine.name: [] for machine in cluster.postgres}
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._threads = [threading.Thread(target=self._watch, args=(name,), daemon=True) for name in self._samples]

    def __enter__(self) -> Monitor:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_about_an_error: object) -> None:
        self._stop.set()
        for process in list(self._running.values()):
            end(process)
        for thread in self._threads:
            thread.join()

    @property
    def samples(self) -> list[Sample]:
        return [sample for samples in self._samples.values() for sample in list(samples)]

    def _watch(self, name: str) -> None:
        while not self._stop.is_set():
            with suppress(LabError):  # the host is off
                for sample in self._listen(name):
                    self._samples[name].append(sample)
            self._stop.wait(RETRY_SECONDS)

    def _listen(self, name: str) -> Iterator[Sample]:
        command = [*self._lab.exec_command(name), "python3", "-c", PROGRAM]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
        ) as process:
            self._running[name] = process
            if self._stop.is_set():
                end(process)
            assert process.stdout is not None
            for line in process.stdout:
                yield sample_of(name, line)


def sample_of(name: str, line: str) -> Sample:
    moment, leads, timeline, position = json.loads(line)
    return Sample(name, moment, leads, int(timeline or "0", 16), lsn.parse(position) if position else 0)


def end(process: subprocess.Popen[str]) -> None:
    """The program with whatever brought it into the host."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
