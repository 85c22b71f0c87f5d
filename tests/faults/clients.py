"""Clients of the endpoints that write and read without an end, and note what they were told, and when."""

from __future__ import annotations

import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn
from integration.load import RETRY_SECONDS, UNCERTAIN

from faults.history import Outcome, Place, Read, Refusal, Write

TABLE = """
    CREATE TABLE audited (run uuid NOT NULL, worker text NOT NULL, seq bigint NOT NULL, id uuid NOT NULL);
    CREATE INDEX audited_worker ON audited (run, worker, seq)
"""
# Not unique: a row that is there twice has to be seen, not prevented.
INDEX = "audited_worker"
WRITE = """
    INSERT INTO audited (run, worker, seq, id) VALUES (%s, %s, %s, %s)
    RETURNING host(inet_server_addr()), pg_walfile_name(pg_current_wal_insert_lsn()), pg_current_wal_insert_lsn()::text
"""
# Of every worker by the index: what a read costs must not grow with what was written.
READ = """
    SELECT name, newest FROM unnest(%s::text[]) AS named (name), LATERAL (
        SELECT max(seq) AS newest FROM audited WHERE run = %s AND worker = name
    ) AS found WHERE newest IS NOT NULL
"""
WRITE_SECONDS = 0.03
READ_SECONDS = 0.2
# "canceling wait for synchronous replication": the row is there, on one member, and nobody knows for how long.
NOT_REPLICATED, CANCELLED = "01000", "wait cancelled"

Session = psycopg.Connection[Any]
Open = Callable[[], Session]


@dataclass
class Client(ABC):
    """One client; after an error it connects again. `service` is the endpoint's name."""

    service: str
    name: str
    run_id: uuid.UUID
    open: Open
    moments: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    notices: list[str | None] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                with self._opened() as session:
                    session.add_notice_handler(lambda notice: self.notices.append(notice.sqlstate))
                    while not stop.wait(self.think_seconds):
                        self.ask(session)
            except psycopg.Error as error:
                self.errors.append(words(error))
                stop.wait(RETRY_SECONDS)

    def _opened(self) -> Session:
        try:
            return self.open()
        except psycopg.Error as error:
            self.refusals.append(Refusal(self.name, self.service, time.monotonic(), words(error)))
            raise

    @property
    @abstractmethod
    def think_seconds(self) -> float: ...

    @abstractmethod
    def ask(self, session: Session) -> None:
        """One statement, noted whatever comes of it; raises psycopg.Error."""


@dataclass
class Writer(Client):
    """Writes one row after the other; each is noted with what its writer knows of it."""

    members: dict[str, str] = field(default_factory=dict)
    """Names by address."""
    writes: list[Write] = field(default_factory=list)
    pending: Write | None = None
    """What was sent, while no answer has come."""

    think_seconds = WRITE_SECONDS

    def ask(self, session: Session) -> None:
        seq, row_id = len(self.writes) + 1, uuid.uuid4()
        self.notices.clear()
        sent = time.monotonic()

        def noted(outcome: Outcome, place: Place | None = None, error: str = "") -> Write:
            return Write(self.name, self.service, seq, row_id, sent, time.monotonic(), outcome, place, error)

        def note(outcome: Outcome, place: Place | None = None, error: str = "") -> None:
            self.pending = None
            self.writes.append(noted(outcome, place, error))
            if outcome is Outcome.OK:
                self.moments.append(self.writes[-1].answered)

        self.pending = noted(Outcome.UNKNOWN, error="no answer until the end")
        try:
            told = session.execute(WRITE, (self.run_id, self.name, seq, row_id)).fetchone()
        except psycopg.Error as error:
            note(outcome_of(error), error=words(error))
            raise
        cancelled = NOT_REPLICATED in self.notices
        note(Outcome.UNKNOWN if cancelled else Outcome.OK, self._place(told), CANCELLED if cancelled else "")

    def _place(self, told: Any) -> Place:
        address, segment, position = told
        return Place(self.members.get(address, address), int(segment[:8], 16), lsn.parse(position))


@dataclass
class Reader(Client):
    """Reads the newest row of every writer."""

    workers: list[str] = field(default_factory=list)
    """Their names."""
    reads: list[Read] = field(default_factory=list)

    think_seconds = READ_SECONDS

    def ask(self, session: Session) -> None:
        sent = time.monotonic()
        try:
            newest = dict(session.execute(READ, (self.workers, self.run_id)).fetchall())
        except psycopg.Error as error:
            self.reads.append(Read(self.name, self.service, sent, time.monotonic(), None, words(error)))
            raise
        self.moments.append(time.monotonic())
        self.reads.append(Read(self.name, self.service, sent, self.moments[-1], newest))


def outcome_of(error: psycopg.Error) -> Outcome:
    """A connection that broke, or a server that went away, says nothing of the row."""
    uncertain = error.sqlstate is None or error.sqlstate.startswith(UNCERTAIN)
    return Outcome.UNKNOWN if uncertain else Outcome.FAILED


def words(error: psycopg.Error) -> str:
    return " ".join(str(error).split()) or repr(error)
