# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients and watchers note: how an answer counts, what a sample says, how a timeline's past is read."""

from __future__ import annotations

import threading
import uuid
from contextlib import nullcontext
from typing import Any

import client_load
import psycopg
import pytest
from faults.aftermath import parse
from faults.clients import Client, Reader, Writer, outcome_of
from faults.history import Fork, Outcome, Place, Sample
from faults.load import noted
from faults.monitor import sample_of
from psycopg import errors

RUN = uuid.UUID(int=1)


class FakeSession:
    """Answers what it is told to, after the notices that go with it; then its client is told to stop."""

    def __init__(self, answers, stop):
        self.answers, self.stop, self.heard = iter(answers), stop, []

    def add_notice_handler(self, handler):
        self.heard.append(handler)

    def execute(self, _statement, _values):
        for answer in self.answers:
            if isinstance(answer, Exception):
                raise answer
            notices, rows = answer
            for sqlstate in notices:
                self.heard[0](type("Notice", (), {"sqlstate": sqlstate}))
            self.rows = rows
            return self
        self.stop.set()
        raise errors.AdminShutdown

    def fetchone(self):
        return self.rows[0]

    def fetchall(self):
        return self.rows


def work(kind, answers, **about):
    stop = threading.Event()
    client = kind("rw", "a", RUN, lambda: nullcontext(FakeSession(answers, stop)), **about)
    client.run(stop)
    return client


ANSWER: tuple[list[str], list[tuple[str, str, str]]] = ([], [("10.0.0.1", "000000030000000000000001", "0/100")])


def test_a_row_that_was_acknowledged():
    client = work(Writer, [ANSWER], members={"10.0.0.1": "db1"})
    first, last = client.writes
    assert (first.seq, first.outcome, first.place) == (1, Outcome.OK, Place("db1", 3, 256))
    assert (last.seq, last.outcome, last.place) == (2, Outcome.UNKNOWN, None)
    assert first.sent <= first.answered == client.moments[0] <= last.sent


def test_a_wait_that_was_cancelled_is_no_acknowledgement():
    client = work(Writer, [(["01000"], ANSWER[1])])
    assert client.writes[0].outcome is Outcome.UNKNOWN
    assert client.moments == []


def test_a_notice_counts_for_its_own_row_only():
    client = work(Writer, [(["01000"], ANSWER[1]), (["00000"], ANSWER[1])])
    assert [write.outcome for write in client.writes[:2]] == [Outcome.UNKNOWN, Outcome.OK]


def test_what_a_reader_saw_and_did_not_see():
    client = work(Reader, [([], [("a", 3), ("b", 5)])])
    assert [read.newest for read in client.reads] == [{"a": 3, "b": 5}, None]


def test_a_statement_that_never_ends_keeps_nobody_and_may_have_written(monkeypatch):
    monkeypatch.setattr(client_load, "END_SECONDS", 0.1)
    asked, ends = threading.Event(), threading.Event()

    class Hanging(FakeSession):
        def execute(self, _statement, _values):
            asked.set()
            ends.wait()
            raise errors.AdminShutdown

    session: Any = nullcontext(Hanging([], None))
    writer: Client = Writer("rw", "a", RUN, lambda: session)
    with client_load.Load([writer]) as load:
        assert asked.wait(10)
    (hanging,) = noted(load).writes
    assert (hanging.seq, hanging.outcome) == (1, Outcome.UNKNOWN)
    ends.set()


def test_who_cannot_connect_has_sent_nothing():
    stop = threading.Event()

    def refuse():
        stop.set()
        raise psycopg.OperationalError("nobody listens")

    client = Writer("rw", "a", RUN, refuse)
    client.run(stop)
    assert client.writes == []
    assert [refusal.error for refusal in client.refusals] == ["nobody listens"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (psycopg.OperationalError("the connection is lost"), Outcome.UNKNOWN),
        (errors.AdminShutdown(), Outcome.UNKNOWN),
        (errors.CrashShutdown(), Outcome.UNKNOWN),
        (errors.ConnectionFailure(), Outcome.UNKNOWN),
        (errors.ReadOnlySqlTransaction(), Outcome.FAILED),
        (errors.DiskFull(), Outcome.FAILED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_an_error_says_of_the_row(error, outcome):
    assert outcome_of(error) is outcome


def test_a_past_is_read_from_the_file_of_its_timeline():
    file = "1\t0/3000110\tno recovery target specified\n\n2\t1/A0\tno recovery target specified\n"
    assert parse(file) == (Fork(1, 0x3000110), Fork(2, (1 << 32) + 0xA0))
    assert parse("") == ()


@pytest.mark.parametrize(
    ("line", "sample"),
    [
        ('[1.5, true, "0000000A", "0/10"]', Sample("db1", 1.5, True, 10, 16)),
        ("[1.5, false, null, null]", Sample("db1", 1.5, False, 0, 0)),
    ],
)
def test_what_a_member_says_of_itself(line, sample):
    assert sample_of("db1", line) == sample
