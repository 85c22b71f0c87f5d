# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import libpq, member_sql
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.member_sql import MemberSql
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, RemoteError
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.wire import Hangup, ServerSays, Table, WireServer

PORT = 5433


class FakePostgres:
    """Answers every question with `rows`, or does `instead`. `asked` are the statements, without line breaks."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.instead: Any = None
        self.logins: list[dict[str, str]] = []
        self.asked: list[str] = []

    def answer(self, statement: str, parameters: dict[str, str]) -> Table | None:
        if parameters not in self.logins:
            self.logins.append(parameters)
        self.asked.append(" ".join(statement.split()))
        if self.instead:
            self.instead()
        if "EXECUTE" not in statement:
            return None
        return Table(("row",), [(json.dumps(row),) for row in self.rows])


def saying(error):
    def fail():
        raise error

    return fail


@pytest.fixture
def postgres():
    return FakePostgres()


@pytest.fixture
def sql(postgres):
    with tempfile.TemporaryDirectory(prefix="sql-") as folder:  # short, for a socket's path has 107 bytes at most
        server = WireServer(Path(folder), PORT, postgres.answer)
        with MemberSql(folder, PORT) as client:
            yield client
        server.stop()


def test_it_connects_when_it_is_first_needed_as_the_superuser_over_the_socket(sql, postgres):
    assert postgres.logins == []
    postgres.rows = [{"pg_is_in_recovery": True}]
    for _time in range(2):
        assert sql.is_in_recovery() is True
    (login,) = postgres.logins
    assert (login["user"], login["database"], login["client_encoding"]) == ("postgres", "postgres", "UTF8")


@pytest.mark.parametrize(
    ("question", "rows", "answer"),
    [
        ("is_in_recovery", [{"pg_is_in_recovery": False}], False),
        ("flushed", [{"int8": 83_886_176}], 83_886_176),
        ("synchronous_standbys", [{"count": 2}], 2),
        ("sleeping_startup", [{"pid": 4711}], 4711),
        ("sleeping_startup", [], None),
        ("started", [{"pg_postmaster_start_time": "2026-01-02T03:04:05.6+00:00"}], "2026-01-02T03:04:05.6+00:00"),
        ("is_receiving", [{"count": 0}], False),
        ("base_backups", [{"count": 1}], 1),
        ("unarchived_segments", [{"count": 12}], 12),
        ("configuration_file", [{"current_setting": "/etc/x"}], "/etc/x"),
        ("logical_walsenders", [], []),
        ("logical_walsenders", [{"name": "cdc{{ x }}", "address": "10.0.0.9"}, {"name": "b", "address": None}],
         ["cdc{{ x }} (10.0.0.9)", "b (local)"]),
        ("prepared_transactions", [{"gid": "g'1", "owner": "web", "database": "shop", "seconds": 9.5}],
         [{"gid": "g'1", "owner": "web", "database": "shop", "seconds": 9.5}]),
    ],
)  # fmt: skip
def test_answers_are_plain(sql, postgres, question, rows, answer):
    postgres.rows = rows
    assert getattr(sql, question)() == answer


def test_transactions_are_told_under_these_names(sql, postgres):
    names = ("pid", "user", "database", "application", "client", "state", "seconds")
    postgres.rows = [dict(zip(names, (7, "web", "shop", "app\n'☃", None, "idle in transaction", 61.5), strict=True))]
    assert sql.transactions(5) == postgres.rows
    (asked,) = postgres.asked
    assert "make_interval(secs => 5.0)" in asked
    for name in ('"user"', "database", "application", "client", "seconds"):
        assert f" AS {name}" in asked
    with pytest.raises(ValueError, match="could not convert"):
        sql.transactions("1); DROP")


def test_what_is_asked_again_is_prepared_already(sql, postgres):
    postgres.rows = [{"x": 1}]
    for _time in range(2):
        sql.flushed()
        sql.base_backups()
    prepared = [re.match(r"PREPARE (\w+) AS SELECT .*;EXECUTE \1$", asked) for asked in postgres.asked[:2]]
    assert all(prepared)
    assert postgres.asked[2:] == [f"EXECUTE {found[1]}" for found in prepared if found]


@pytest.mark.parametrize(("order", "statement"), [("checkpoint", "CHECKPOINT"), ("reload", "SELECT pg_reload_conf()")])
def test_orders_have_no_answer(sql, postgres, order, statement):
    getattr(sql, order)()
    assert postgres.asked == [statement]


@pytest.mark.parametrize(
    ("instead", "told"), [(saying(ServerSays("canceling statement")), "canceling statement"), (saying(Hangup()), "")]
)
def test_after_an_error_the_connection_is_made_anew(sql, postgres, instead, told):
    postgres.rows = [{"pg_is_in_recovery": True}]
    postgres.instead = instead
    with pytest.raises(RemoteError, match=rf"^asking PostgreSQL in .*, port 5433: {told}"):
        sql.is_in_recovery()
    postgres.instead = None
    assert sql.is_in_recovery() is True
    assert postgres.asked[1].startswith("PREPARE"), "a new connection knows of nothing"


@pytest.mark.parametrize(
    ("order", "limit"), [("is_in_recovery", "LONGEST_ANSWER"), ("checkpoint", "LONGEST_CHECKPOINT")]
)
def test_a_postgresql_that_hangs_is_given_up(sql, postgres, monkeypatch, order, limit):
    thaw = threading.Event()
    monkeypatch.setattr(member_sql, limit, 0.05)
    # The fake's answers are those of a disk that hangs.
    postgres.rows, postgres.instead = [{"pg_is_in_recovery": True}], thaw.wait
    try:
        with pytest.raises(RemoteError, match=r"no answer within 0\.05 s"):
            getattr(sql, order)()
    finally:
        postgres.instead = None
        thaw.set()
    assert sql.is_in_recovery() is True


def test_nobody_there():
    with MemberSql("/nonexistent", PORT) as client, pytest.raises(RemoteError, match=r"^asking PostgreSQL in /nonexi"):
        client.flushed()


def test_it_hangs_up_in_the_end_and_needs_not_have_connected(sql, postgres):
    with MemberSql("/nonexistent", PORT):
        pass
    postgres.rows = [{"count": 0}]
    with sql:
        sql.base_backups()
    assert sql._connection.closed


def test_the_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(libpq, "psycopg", None)
    with pytest.raises(MatriarchError, match="install python3-psycopg"):
        MemberSql("/run/postgresql", PORT)
