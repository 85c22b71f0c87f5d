# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe believes of an answer of PostgreSQL, or of none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.sql import Login
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe import session
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.job import Endpoint, parse_endpoints
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.session import SessionError, SqlSession
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.stream import backoff

ENDPOINT = Endpoint("rw", ("10.0.0.1", "10.0.0.2"), 5000, "write")
LOGIN = Login("probe", "s3cret-word", "postgres", "/ca.crt")


class FakeError(Exception):
    """As psycopg's: `sqlstate` is None where no server spoke."""

    def __init__(self, text: str, sqlstate: str | None = None, severity: str | None = None) -> None:
        super().__init__(text)
        self.sqlstate = sqlstate
        self.diag = SimpleNamespace(severity_nonlocalized=severity)


class FakePsycopg:
    """The module psycopg, and its only connection."""

    Error = FakeError

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.error: Exception | None = None
        self.warnings: list[str] = []
        self.asked: list[tuple[str, tuple[Any, ...]]] = []
        self.answer: list[tuple[Any, ...]] = []

    def connect(self, **options):
        self.options = options
        if self.error is not None:
            raise self.error  # pylint: disable=raising-bad-type # it has one only where a test sets it
        return self

    def add_notice_handler(self, handler):
        self.handler = handler

    def execute(self, statement, values):
        self.asked.append((statement, values))
        for sqlstate in self.warnings:
            self.handler(SimpleNamespace(sqlstate=sqlstate))
        if self.error is not None:
            raise self.error  # pylint: disable=raising-bad-type # it has one only where a test sets it
        return SimpleNamespace(description=self.answer, fetchall=lambda: self.answer)


@pytest.fixture
def psycopg(monkeypatch):
    fake = FakePsycopg()
    monkeypatch.setattr(session, "psycopg", fake)
    return fake


OUTCOMES = [
    # (the error, may the row be there?, was it there before?)
    (FakeError("cannot execute INSERT in a read-only transaction", "25006", "ERROR"), False, False),
    (FakeError("could not serialize", "40001", "ERROR"), False, False),
    (FakeError("duplicate key", "23505", "ERROR"), True, True),
    (FakeError("terminating connection due to administrator command", "57P01", "FATAL"), True, False),
    (FakeError("server conn crashed?", "08P01", "FATAL"), True, False),
    (FakeError("crash", "57P02", "PANIC"), True, False),
    (FakeError("consuming input failed: server closed the connection"), True, False),
]


@pytest.mark.parametrize(("error", "maybe_done", "twice"), OUTCOMES, ids=lambda value: str(value)[:30])
def test_only_a_refusal_of_the_statement_is_certain(psycopg, error, maybe_done, twice):
    sql = SqlSession(ENDPOINT, LOGIN)
    psycopg.error = error
    with pytest.raises(SessionError) as told:
        sql.insert("run", "rw#1", 1)
    assert (told.value.maybe_done, told.value.twice) == (maybe_done, twice)


def test_who_was_not_let_in_wrote_nothing(psycopg):
    psycopg.error = FakeError("password authentication failed\n\thint", "28P01", "FATAL")
    with pytest.raises(SessionError, match="password authentication failed hint") as told:
        SqlSession(ENDPOINT, LOGIN)
    assert not told.value.maybe_done


@pytest.mark.parametrize(("warning", "told"), [("01000", True), ("57P01", True), ("01007", False), ("00000", False)])
def test_a_commit_that_was_not_waited_for_is_no_acknowledgement(psycopg, warning, told):
    sql = SqlSession(ENDPOINT, LOGIN)
    psycopg.warnings = [warning]
    if told:
        with pytest.raises(SessionError, match="synchronous standby") as error:
            sql.insert("run", "rw#1", 1)
        assert error.value.maybe_done
    psycopg.warnings = []
    sql.insert("run", "rw#1", 2)


def test_values_are_parameters_and_pooled_statements_are_not_prepared(psycopg):
    sql = SqlSession(ENDPOINT, LOGIN)
    sql.insert("run", "a'; DROP TABLE x; --{{ b }}", 1)
    (statement, values) = psycopg.asked[0]
    assert "DROP" not in statement
    assert values == ("run", "a'; DROP TABLE x; --{{ b }}", 1)
    expected = {
        "host": "10.0.0.1,10.0.0.2",
        "sslmode": "verify-full",
        "sslrootcert": "/ca.crt",
        "prepare_threshold": None,
        "autocommit": True,
    }
    assert {key: psycopg.options[key] for key in expected} == expected


def test_answers_are_plain(psycopg):
    sql = SqlSession(ENDPOINT, LOGIN)
    psycopg.answer = [(False,)]
    assert sql.is_leader()
    psycopg.answer = [(True,)]
    assert not sql.is_leader()
    psycopg.answer = [(7,)]
    assert sql.newest("run", "rw#1") == 7
    assert sql.delete("run") == 1
    psycopg.answer = [("rw#1", 1), ("rw#1", 2)]
    assert sql.rows("run") == [("rw#1", 1), ("rw#1", 2)]


def test_the_missing_library_is_told(monkeypatch):
    monkeypatch.setattr(session, "psycopg", None)
    with pytest.raises(MatriarchError, match="install python3-psycopg"):
        session.check_library()


def test_a_client_tries_again_at_once_and_then_with_short_pauses():
    assert [backoff(n) for n in (1, 2, 3, 4, 5, 6, 5000)] == [0.0, 0.01, 0.02, 0.04, 0.08, 0.1, 0.1]


GOOD = {"hosts": ["10.0.0.1"], "port": 5000, "mode": "write"}


def test_endpoints_are_parsed_once():
    (one,) = parse_endpoints({"rw": {**GOOD, "port": "5000", "persistent": False}})
    assert one == Endpoint("rw", ("10.0.0.1",), 5000, "write", False)
    assert one.address == "10.0.0.1:5000"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, "'endpoints' is empty"),
        ({"rw": "10.0.0.1:5000"}, "the endpoint 'rw' is no mapping"),
        ({"rw": {**GOOD, "mod": "read"}}, "unknown keys: mod"),
        ({"rw": {**GOOD, "mode": "both"}}, "needs a mode, write or read, not 'both'"),
        ({"rw": {"hosts": ["a"], "port": 1}}, "needs a mode"),
        ({"rw": {**GOOD, "hosts": "10.0.0.1"}}, "needs a list of hosts"),
        ({"rw": {**GOOD, "hosts": []}}, "needs a list of hosts"),
        ({"rw": {**GOOD, "port": 0}}, "needs a port, not 0"),
        ({"rw": {**GOOD, "port": "5000; x"}}, "needs a port"),
        ({"rw": {**GOOD, "port": 65536}}, "needs a port"),
        ({"rw": {**GOOD, "persistent": "yes"}}, "persistent of the endpoint 'rw' must be true or false"),
    ],
)
def test_what_makes_no_sense_is_named(data, told):
    with pytest.raises(MatriarchError) as error:
        parse_endpoints(data)
    assert told in str(error.value)
