# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.pgbouncer import PoolerConsole
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import DeadlineExceeded, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.pooler import (
    Pool,
    ServerInUse,
    parse_servers_in_use,
)
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.pgbouncer import (
    NEWEST,
    POOL,
    VERSIONS,
    FakePgBouncer,
    client,
)
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.wire import Hangup, ServerSays, Table, WireServer, table


@pytest.fixture
def directory():
    """Short, for a socket's path has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="pooler-") as name:
        yield Path(name)


@pytest.fixture(params=VERSIONS, ids=lambda words: words.version)
def fake(request, directory):
    pooler = FakePgBouncer(directory, 6432, request.param)
    yield pooler
    pooler.stop()


@pytest.fixture
def console(fake):
    with PoolerConsole(fake.server.directory, fake.server.port, "root") as opened:
        yield opened


def test_the_console_is_a_database_and_the_user_a_choice(fake, console):
    assert console.version() == fake.words.version
    assert {"user": "root", "database": "pgbouncer"}.items() <= fake.logins[-1].items()


def test_pause_and_resume_are_seen_in_every_version(fake, console):
    seen = [console.is_paused()]
    console.pause(5)
    seen.append(console.is_paused())
    console.resume()
    seen.append(console.is_paused())
    assert seen == [False, True, False]
    assert fake.orders == ["PAUSE", "RESUME"]


def test_a_second_pause_or_resume_is_refused_in_its_words_and_the_connection_stays_good(fake, console):
    with pytest.raises(RemoteError) as raised:
        console.resume()
    assert raised.value.reason == fake.words.not_paused
    console.pause()
    with pytest.raises(RemoteError) as raised:
        console.pause()
    assert raised.value.reason == fake.words.already
    assert str(raised.value).startswith(f"'PAUSE' to PgBouncer at {fake.server.directory}, port 6432: already")
    assert console.is_paused()


def test_orders(fake, console):
    console.reconnect()
    console.reload()
    assert fake.orders == ["RECONNECT", "RELOAD"]


def test_pools_without_the_consoles_own(console):
    assert console.pools() == (
        Pool(
            database="shop",
            user="web",
            cl_active=3,
            cl_waiting=2,
            sv_active=1,
            sv_idle=4,
            sv_used=0,
            sv_tested=0,
            sv_login=0,
            maxwait_seconds=1.5,
            pool_mode="transaction",
        ),
    )


def test_a_pause_that_is_missed_names_its_deadline_and_leaves_the_pooler_pausing(fake, console):
    fake.holding.append(client())
    with pytest.raises(DeadlineExceeded, match=r"transactions still ran after 0\.05 s"):
        console.pause(0.05)
    with pytest.raises(RemoteError):
        console.resume()  # this connection still waits
    with PoolerConsole(fake.server.directory, fake.server.port) as another:
        assert another.is_paused()
        another.resume()
        assert not another.is_paused()


def test_a_pause_ends_with_the_last_transaction(fake, console):
    fake.holding.append(client())
    fake.end_transactions()
    console.pause(60)
    assert fake.paused


@pytest.mark.parametrize("name", ["psql", "{{ x }}", 'it\'s "me"', "two\nlines", "../etc", "☃", "%s%n"])
def test_who_holds_a_server_is_named_whatever_he_calls_himself(fake, console, name):
    fake.holding.append(client(name))
    (held,) = console.servers_in_use()
    assert (held.database, held.user, held.client_address, held.state) == ("shop", "web", "10.0.0.7:51002", "active")
    assert held.application_name == name
    assert "\n" not in str(held)


def test_a_name_that_is_no_text_is_survived(fake, console):
    fake.holding.append(client(b"\xff\xfe{{"))
    assert console.servers_in_use()[0].application_name == "\ufffd\ufffd{{"


SERVER = {
    "database": "shop",
    "user": "web",
    "state": "active",
    "request_time": "2026-01-01 00:00:30 UTC",
    "link": "0x1",
}
HOLDER = {"ptr": "0x1", "addr": "10.0.0.7", "port": "5", "application_name": "", "request_time": SERVER["request_time"]}
NOW = 1767225640.0  # 2026-01-01 00:00:40 UTC


@pytest.mark.parametrize(
    ("server", "client_row", "expected"),
    [
        ({}, {}, ("10.0.0.7:5", None, 10.0)),
        ({}, {"ptr": "0x2"}, (None, None, 10.0)),
        ({"link": ""}, {}, (None, None, 10.0)),
        ({}, {"request_time": "2026-01-01 00:05:00 UTC"}, ("10.0.0.7:5", None, 0.0)),
        ({}, {"request_time": ""}, ("10.0.0.7:5", None, None)),
        ({}, {"request_time": "yesterday at noon, UTC"}, ("10.0.0.7:5", None, None)),
    ],
)
def test_servers_are_joined_with_their_clients(server, client_row, expected):
    (held,) = parse_servers_in_use([{**SERVER, **server}], [{**HOLDER, **client_row}], NOW)
    assert (held.client_address, held.application_name, held.seconds) == expected


def test_local_time_is_understood(monkeypatch):
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    try:
        local = {**HOLDER, "request_time": "2026-01-01 01:00:30 CET"}
        assert parse_servers_in_use([SERVER], [local], NOW)[0].seconds == 10.0
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_longest_comes_first_and_idle_servers_hold_up_nobody():
    servers = [
        {**SERVER, "link": ""},
        {**SERVER, "state": "idle"},
        {**SERVER, "request_time": "2026-01-01 00:00:00 UTC"},
    ]
    held = parse_servers_in_use([{**each, "link": ""} for each in servers], [], NOW)
    assert [each.seconds for each in held] == [40.0, 10.0]


def test_a_holder_in_words():
    told = str(ServerInUse("shop", "web", "10.0.0.7:5", "a\nb", "active", 61.4))
    assert told == "'web' in 'shop' from 10.0.0.7:5 ('a\\nb'), last request 61 s ago"
    assert str(ServerInUse("shop", "web", None, None, "active", None)) == "'web' in 'shop' from a client that is gone"


def test_nobody_there(directory):
    with pytest.raises(RemoteError, match=f"connecting to PgBouncer at {directory}, port 6432: .*No such file"):
        PoolerConsole(str(directory), 6432)


@pytest.mark.parametrize("user", ["o'hara \\ x", "{{ x }}", "a b=c", "☃"])
def test_a_hostile_user_is_a_user(directory, user):
    fake = FakePgBouncer(directory, 6432)
    try:
        with PoolerConsole(str(directory), 6432, user) as console:
            console.version()
        assert fake.logins[-1]["user"] == user
    finally:
        fake.stop()


def test_a_frozen_pooler_is_given_up(directory):
    fake = FakePgBouncer(directory, 6432, NEWEST, silent=True)
    try:
        with (
            PoolerConsole(str(directory), 6432, timeout=0.05) as console,
            pytest.raises(RemoteError, match=r"'SHOW STATE' to .*: no answer within 0\.05 s"),
        ):
            console.is_paused()
    finally:
        fake.stop()


def test_a_pooler_that_dies_is_an_error(directory):
    def die(_statement, _parameters):
        raise Hangup

    server = WireServer(directory, 6432, die)
    try:
        with PoolerConsole(str(directory), 6432) as console, pytest.raises(RemoteError, match="'RESUME' to"):
            console.resume()
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (PoolerConsole.version, Table((), [])),
        (PoolerConsole.version, table([{"name": "PgBouncer"}])),
        (PoolerConsole.pools, table([{"database": "shop"}])),
        (PoolerConsole.pools, table([{**POOL, "cl_active": "many"}])),
        (PoolerConsole.servers_in_use, table([{"state": "active"}])),
    ],
)
def test_nonsense_is_an_error(directory, question, answer):
    server = WireServer(directory, 6432, lambda _statement, _parameters: answer)
    try:
        with PoolerConsole(str(directory), 6432) as console, pytest.raises(RemoteError, match="makes no sense"):
            question(console)
    finally:
        server.stop()


def test_a_pooler_that_would_pause_its_console_is_not_believed(directory):
    def take_everything(statement, _parameters):
        if statement == "SHOW STATE":
            raise ServerSays("invalid command")

    server = WireServer(directory, 6432, take_everything)
    try:
        with PoolerConsole(str(directory), 6432) as console, pytest.raises(RemoteError, match="not refused"):
            console.is_paused()
        assert server.asked == ["SHOW STATE", "PAUSE pgbouncer"]
    finally:
        server.stop()
