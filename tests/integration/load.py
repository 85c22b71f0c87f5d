"""Clients of the pooled endpoint that write short transactions, and remember what was promised to them."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from integration.inventory import Cluster
from integration.watch import Connect

CLIENTS = 8
THINK_SECONDS = 0.03
RETRY_SECONDS = 0.05
STARTING_SECONDS = 60
TABLE = "CREATE TABLE IF NOT EXISTS promised (run uuid, worker int, seq bigint, PRIMARY KEY (run, worker, seq))"
WRITE = "INSERT INTO promised (run, worker, seq) VALUES (%s, %s, %s)"
READ = "SELECT worker, seq FROM promised WHERE run = %s"
# Classes of errors that do not say whether the transaction was committed: the connection, or the server, went away.
UNCERTAIN = ("08", "57")


@dataclass
class Worker:
    """One client. Moments are in seconds of the monotonic clock."""

    number: int
    run: uuid.UUID
    connect: Callable[[], psycopg.Connection[Any]]
    seq: int = 0
    moments: list[float] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def work(self, stop: threading.Event) -> None:
        """Write until it is told to stop; after an error with a new connection, and a new row."""
        while not stop.is_set():
            try:
                with self.connect() as session:
                    while not stop.wait(THINK_SECONDS):
                        self.write(session)
            except psycopg.Error as error:
                self.errors.append(f"client {self.number}, row {self.seq}: {str(error).strip() or repr(error)}")
                stop.wait(RETRY_SECONDS)

    def write(self, session: psycopg.Connection[Any]) -> None:
        self.seq += 1
        try:
            session.execute(WRITE, (self.run, self.number, self.seq))
        except psycopg.Error as error:
            if error.sqlstate is None or error.sqlstate.startswith(UNCERTAIN):
                self.unknown.add(self.seq)
            raise
        self.moments.append(time.monotonic())
        self.acknowledged.add(self.seq)

    def longest_gap(self, end: float) -> float:
        return max(after - before for before, after in itertools.pairwise([*self.moments, end]))


class Load:
    """The clients at work, for `with`; inside it each of them has written already. Each load has rows of its own."""

    def __init__(self, connect: Connect, cluster: Cluster, database: str, endpoint: str = "pooled-rw") -> None:
        self._connect, self._cluster, self._database, self._endpoint = connect, cluster, database, endpoint
        self._run = uuid.uuid4()
        self._stop = threading.Event()
        self._end = 0.0
        self.workers = [Worker(number, self._run, self._open_pooled) for number in range(CLIENTS)]
        self._threads = [threading.Thread(target=w.work, args=(self._stop,), daemon=True) for w in self.workers]

    def __enter__(self) -> Load:
        with self._open("rw") as session:
            session.execute(TABLE)
        for thread in self._threads:
            thread.start()
        self.await_everybody(STARTING_SECONDS)
        return self

    def __exit__(self, *_about_an_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._end = time.monotonic()

    def __repr__(self) -> str:
        counts = f"{len(self.acknowledged)} rows acknowledged, {len(self.unknown)} of unknown outcome"
        return f"{counts}, {len(self.errors)} errors, longest gap {self.longest_gap:.2f} s"

    def await_everybody(self, seconds: float) -> None:
        """Until every client has been acknowledged a row from now on."""
        begun = time.monotonic()
        while silent := [worker for worker in self.workers if not worker.moments or worker.moments[-1] < begun]:
            if time.monotonic() > begun + seconds:
                self._stop.set()
                pytest.fail(f"{len(silent)} clients wrote nothing within {seconds:.0f} s; errors: {self.errors[-3:]}")
            time.sleep(THINK_SECONDS)

    @property
    def errors(self) -> list[str]:
        return [error for worker in self.workers for error in worker.errors]

    @property
    def acknowledged(self) -> set[tuple[int, int]]:
        """Worker and number of every row that was."""
        return {(worker.number, seq) for worker in self.workers for seq in worker.acknowledged}

    @property
    def unknown(self) -> set[tuple[int, int]]:
        """The rows of which nobody said whether they are there."""
        return {(worker.number, seq) for worker in self.workers for seq in worker.unknown}

    @property
    def longest_gap(self) -> float:
        """The longest time, in seconds, that one client was without an acknowledgement."""
        return max(worker.longest_gap(self._end or time.monotonic()) for worker in self.workers)

    def lost(self) -> set[tuple[int, int]]:
        """The acknowledged rows that are not in the table."""
        with self._open("rw") as session:
            return self.acknowledged - set(session.execute(READ, (self._run,)).fetchall())

    def _open_pooled(self) -> psycopg.Connection[Any]:
        return self._open(self._endpoint)

    def _open(self, name: str) -> psycopg.Connection[Any]:
        """As an application does that knows every proxy; it keeps no statement that a pooler would have to know."""
        endpoints = [endpoint for endpoint in self._cluster.rw if endpoint.name == name]
        return self._connect(
            endpoints[0],
            host=",".join(endpoint.address for endpoint in endpoints),
            dbname=self._database,
            load_balance_hosts="random",
            prepare_threshold=None,
            tcp_user_timeout=10000,
        )
