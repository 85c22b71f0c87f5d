"""Clients that write short transactions without an end and remember every acknowledgement."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import psycopg

DATABASE = "matriarch_bench"
ROWS_PER_MIB = 68 * 128  # of `account`: 108 bytes each on pages of 8 KiB that are filled to 90 %
SLICES = 20
RETRY_SECONDS = 0.02
END_SECONDS = 30.0
WRITE = """
    WITH touched AS (UPDATE account SET balance = balance + 1 WHERE id = %s)
    INSERT INTO acknowledged (client, number) VALUES (%s, %s)
"""


Session = psycopg.Connection[Any]


def connect(service: str, **changed: Any) -> Session:
    """As an application does that was given the cluster's pg_service.conf ($PGSERVICEFILE).

    psycopg does not see the `connect_timeout` that is in that file; 2 s are the least that libpq takes.
    """
    wanted = {"dbname": DATABASE, "connect_timeout": 2, "load_balance_hosts": "random", "autocommit": True}
    return psycopg.connect(service=service, **{**wanted, **changed})


def create_database(service: str, mib: int) -> int:
    """A database with a table of so many MiB; how many rows that are."""
    drop_database(service)
    with connect(service, dbname="postgres") as session:
        session.execute(f"CREATE DATABASE {DATABASE}")
    with connect(service) as session:
        session.execute("CREATE TABLE acknowledged (client int, number bigint, PRIMARY KEY (client, number))")
        session.execute(
            "CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL, filler text NOT NULL)"
            " WITH (fillfactor = 90)"
        )
        session.execute(
            "INSERT INTO account SELECT id, 0, repeat('x', 60) FROM generate_series(1, %s) AS id", (mib * ROWS_PER_MIB,)
        )
    return mib * ROWS_PER_MIB


def drop_database(service: str) -> None:
    with connect(service, dbname="postgres") as session:
        session.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def dirty_buffers(service: str, number: int) -> None:
    """Change some rows on every page of the table, as hours of random updates would."""
    with connect(service) as session:
        session.execute(
            "UPDATE account SET balance = balance + 1 WHERE id %% %s = %s", (SLICES, number % SLICES), prepare=False
        )


@dataclass
class Client:
    """One client: `moments` (seconds, monotonic) and `numbers` of what was acknowledged, and the errors it got."""

    service: str
    name: int
    rows: int
    think_seconds: float
    moments: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        """Write until it is told to stop; after an error with a new session and a new row."""
        some, number = random.Random(self.name), 0
        while not stop.is_set():
            try:
                with connect(self.service) as session:
                    while not stop.wait(self.think_seconds):
                        number += 1
                        session.execute(WRITE, (some.randint(1, self.rows), self.name, number), prepare=True)
                        self.numbers.append(number)
                        self.moments.append(time.monotonic())
            except psycopg.Error as error:
                self.errors.append(str(error).strip() or type(error).__name__)
                stop.wait(RETRY_SECONDS)


class Worker(Protocol):
    """Who can be part of a load: `moments` are those of its acknowledgements."""

    service: str
    moments: list[float]
    errors: list[str]

    @property
    def name(self) -> object: ...

    def run(self, stop: threading.Event) -> None: ...


AnyWorker = TypeVar("AnyWorker", bound=Worker)


class Load(Generic[AnyWorker]):
    """Clients at work, for `with`. At its end nobody waits longer than half a minute for a statement that hangs."""

    def __init__(self, clients: Iterable[AnyWorker]) -> None:
        self.clients = list(clients)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=c.run, args=(self._stop,), daemon=True) for c in self.clients]

    def __enter__(self) -> Load[AnyWorker]:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_about_an_error: object) -> None:
        self._stop.set()
        deadline = time.monotonic() + END_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def wait_for_everybody(self, seconds: float = 60.0) -> None:
        """Until every client has got an acknowledgement from now on. Raises TimeoutError with what the rest got."""
        begun = time.monotonic()
        while silent := [c for c in self.clients if not c.moments or c.moments[-1] < begun]:
            if time.monotonic() > begun + seconds:
                told = "; ".join(f"{c.service} {c.name}: {(c.errors or ['no error'])[-1]}" for c in silent)
                raise TimeoutError(f"no acknowledgement within {seconds:.0f} s: {told}")
            time.sleep(0.05)


def lost(service: str, clients: Iterable[Client]) -> int:
    """How many acknowledged rows are not there."""
    acknowledged = {(client.name, number) for client in clients for number in client.numbers}
    with connect(service) as session:
        return len(acknowledged - set(session.execute("SELECT client, number FROM acknowledged").fetchall()))
