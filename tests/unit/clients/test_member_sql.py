# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import member_sql
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.member_sql import MemberSql
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, RemoteError


class FakePsycopg:
    """The module psycopg, and its only connection at a time. `answer` None is that of an order without rows."""

    class Error(Exception):
        """As psycopg's."""

    def __init__(self) -> None:
        self.connected: list[dict[str, Any]] = []
        self.asked: list[tuple[str, Any]] = []
        self.answer: list[tuple[Any, ...]] | None = []
        self.error: Exception | None = None
        self.closed = False

    def connect(self, **options: Any) -> FakePsycopg:
        self.connected.append(options)
        if self.error is not None:
            raise self.error  # pylint: disable=raising-bad-type # it has one only where a test sets it
        self.closed = False
        return self

    def close(self) -> None:
        self.closed = True

    def execute(self, statement: str, values: Any) -> SimpleNamespace:
        self.asked.append((" ".join(statement.split()), values))
        if self.error is not None:
            raise self.error  # pylint: disable=raising-bad-type # it has one only where a test sets it

        def fetch() -> Any:
            assert self.answer is not None, "psycopg raises: the last operation didn't produce a result"
            return self.answer

        return SimpleNamespace(description=self.answer is not None, fetchall=fetch)


@pytest.fixture
def psycopg(monkeypatch):
    fake = FakePsycopg()
    monkeypatch.setattr(member_sql, "psycopg", fake)
    return fake


@pytest.fixture
def sql(psycopg):
    with MemberSql("/run/postgresql", 5433) as client:
        yield client


def test_it_connects_when_it_is_first_needed_as_the_superuser_over_the_socket(sql, psycopg):
    assert psycopg.connected == []
    psycopg.answer = [(True,)]
    for _time in range(2):
        assert sql.is_in_recovery() is True
    (options,) = psycopg.connected
    assert options == {
        "host": "/run/postgresql",
        "port": 5433,
        "user": "postgres",
        "dbname": "postgres",
        "connect_timeout": 3,
        "autocommit": True,
    }


@pytest.mark.parametrize(
    ("question", "rows", "answer"),
    [
        ("is_in_recovery", [(False,)], False),
        ("flushed", [(83_886_176,)], 83_886_176),
        ("synchronous_standbys", [(2,)], 2),
        ("sleeping_startup", [(4711,)], 4711),
        ("sleeping_startup", [], None),
        ("base_backups", [(1,)], 1),
        ("unarchived_segments", [(12,)], 12),
        ("logical_walsenders", [], []),
        ("logical_walsenders", [("cdc{{ x }}", "10.0.0.9"), ("b", None)], ["cdc{{ x }} (10.0.0.9)", "b (local)"]),
        ("prepared_transactions", [("g'1", "web", "shop", 9.5)],
         [{"gid": "g'1", "owner": "web", "database": "shop", "seconds": 9.5}]),
    ],
)  # fmt: skip
def test_answers_are_plain(sql, psycopg, question, rows, answer):
    psycopg.answer = rows
    assert getattr(sql, question)() == answer


def test_values_are_parameters(sql, psycopg):
    psycopg.answer = [(7, "web", "shop", "app\n'", "10.0.0.9", "idle in transaction", 61.5)]
    (found,) = sql.transactions(5.5)
    assert found == {
        "pid": 7,
        "user": "web",
        "database": "shop",
        "application": "app\n'",
        "client": "10.0.0.9",
        "state": "idle in transaction",
        "seconds": 61.5,
    }
    psycopg.answer = [("/etc/x",)]
    assert sql.setting("'; DROP {{ x }}") == "/etc/x"
    assert [values for _statement, values in psycopg.asked] == [(5.5,), ("'; DROP {{ x }}",)]
    assert "DROP" not in psycopg.asked[1][0]


def test_without_values_nothing_is_interpreted(sql, psycopg):
    """psycopg takes % for a placeholder as soon as there are values, even none of them."""
    psycopg.answer = [(0,)]
    sql.unarchived_segments()
    assert psycopg.asked[0][1] is None
    assert "'%.ready'" in psycopg.asked[0][0]


@pytest.mark.parametrize(("order", "statement"), [("checkpoint", "CHECKPOINT"), ("reload", "SELECT pg_reload_conf()")])
def test_orders_have_no_answer(sql, psycopg, order, statement):
    psycopg.answer = None
    getattr(sql, order)()
    assert psycopg.asked == [(statement, None)]


def test_postgresqls_words_come_through(sql, psycopg):
    psycopg.error = psycopg.Error("connection failed: no such file\n")
    with pytest.raises(
        RemoteError, match=r"^asking PostgreSQL in /run/postgresql, port 5433: connection failed"
    ) as told:
        sql.flushed()
    assert told.value.reason == "connection failed: no such file"


def test_a_connection_that_broke_is_made_anew(sql, psycopg):
    psycopg.answer = [(True,)]
    sql.is_in_recovery()
    psycopg.error = psycopg.Error("terminating connection")
    with pytest.raises(RemoteError, match="terminating connection"):
        sql.is_in_recovery()
    psycopg.closed, psycopg.error = True, None
    assert sql.is_in_recovery() is True
    assert len(psycopg.connected) == 2


def test_it_hangs_up_in_the_end_and_needs_not_have_connected(psycopg):
    with MemberSql("/run/postgresql", 5432):
        pass
    assert psycopg.closed is False
    psycopg.answer = [(True,)]
    with MemberSql("/run/postgresql", 5432) as client:
        client.is_in_recovery()
    assert psycopg.closed is True


def test_the_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(member_sql, "psycopg", None)
    with pytest.raises(MatriarchError, match="install python3-psycopg"):
        MemberSql("/run/postgresql", 5432)
