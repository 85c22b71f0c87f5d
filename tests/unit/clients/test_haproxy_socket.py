# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random
import string
import threading

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.haproxy import HaproxySocket
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proxy import HaproxyServer, parse_servers
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.haproxy import HEADER, FakeHaproxy, UnixServer

ALLOWED = set(string.ascii_letters + string.digits + "_.:-")


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Serve an answer; the socket's path is relative, for an absolute one may be longer than a socket's may be."""
    monkeypatch.chdir(tmp_path)
    servers = []

    def start(answer, **options):
        servers.append(UnixServer("admin.sock", answer))
        return HaproxySocket("admin.sock", **options)

    yield start
    for server in servers:
        server.stop()


def test_servers_are_parsed_and_nothing_else(serve):
    fake = FakeHaproxy()
    fake.servers["leader", "pg2"].up = False
    fake.servers["leader", "pg2"].last_check = 'says ""no"", and more'
    servers = serve(fake.answer).servers()
    assert [(s.backend, s.name) for s in servers] == list(fake.servers)
    assert servers[1] == HaproxyServer(
        backend="leader",
        name="pg2",
        status="DOWN",
        is_up=False,
        sessions=0,
        last_check='L7OK says "no", and more',
        seconds_since_change=12,
    )


@pytest.mark.parametrize(
    ("status", "is_up"),
    [
        ("UP", True),
        ("UP 1/3", True),
        ("no check", True),
        ("DOWN", False),
        ("DOWN 1/2", False),
        ("DRAIN", False),
        ("DRAIN (agent)", False),
        ("NOLB", False),
        ("MAINT", False),
        ("MAINT (via leader/pg1)", False),
        ("UPSIDE", False),
        ("", False),
    ],
)
def test_who_gets_connections(status, is_up):
    (server,) = parse_servers(f"{HEADER}\nleader,pg1,3,,{status},,2,* L4TOUT, at step 1 ,x,\n")
    assert (server.is_up, server.status) == (is_up, status)
    assert (server.sessions, server.last_check, server.seconds_since_change) == (3, "L4TOUT at step 1", None)


def test_a_line_break_that_is_none_for_csv_splits_no_line():
    (server,) = parse_servers(f'{HEADER}\nleader,pg1,0,,UP,1,2,L7STS,"odd\u2028\x0b\nwords",x,\n')
    assert server.last_check == "L7STS odd\u2028\x0b\nwords"


@pytest.mark.parametrize("up", [True, False])
def test_health_is_set(serve, up):
    fake = FakeHaproxy()
    fake.servers["replicas", "pg3"].up = not up
    socket = serve(fake.answer)
    socket.set_health("replicas", "pg3", up)
    assert fake.servers["replicas", "pg3"].up is up
    assert fake.asked == [f"set server replicas/pg3 health {'up' if up else 'down'}"]


def test_state_is_set_and_seen(serve):
    socket = serve(FakeHaproxy().answer)
    seen = []
    for state in ("drain", "maint", "ready"):
        socket.set_state("leader", "pg1", state)
        seen.append((socket.servers()[0].status, socket.servers()[0].is_up))
    assert seen == [("DRAIN", False), ("MAINT", False), ("UP", True)]


def test_sessions_of_a_frontend_are_limited_and_the_limit_is_told(serve):
    fake = FakeHaproxy()
    socket = serve(fake.answer)
    seen = [socket.session_limit("rw")]
    for limit in (0, 2000):
        socket.set_session_limit("rw", limit)
        seen.append(socket.session_limit("rw"))
    assert seen == [2000, 0, 2000]
    assert [line for line in fake.asked if line.startswith("set")] == [
        "set maxconn frontend rw 0",
        "set maxconn frontend rw 2000",
    ]


def test_a_frontend_that_is_not_there_has_no_limit(serve):
    socket = serve(FakeHaproxy().answer)
    with pytest.raises(Refused, match=r"no frontend 'x'; it has: rw, ro"):
        socket.session_limit("x")
    with pytest.raises(RemoteError, match=r"No such frontend\."):
        socket.set_session_limit("x", 0)


@pytest.mark.parametrize("answer", [b"Unknown command\n", b"# pxname,svname,type,slim\nrw,FRONTEND,0,many\n"])
def test_a_limit_that_makes_no_sense_is_an_error(serve, answer):
    with pytest.raises(RemoteError, match="'show stat -1 1 -1' on HAProxy's socket"):
        serve(lambda _line: answer).session_limit("rw")


@pytest.mark.parametrize(
    ("backend", "server", "words"), [("nope", "pg1", "No such backend."), ("leader", "nope", "No such server.")]
)
def test_a_refusal_is_told_in_its_words(serve, backend, server, words):
    with pytest.raises(RemoteError) as raised:
        serve(FakeHaproxy().answer).set_health(backend, server, True)
    assert raised.value.reason == words
    assert str(raised.value) == f"'set server {backend}/{server} health up' on HAProxy's socket admin.sock: {words}"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        "a\tb",
        "a;b",
        "a/b",
        "a\nb",
        "pg1\n",
        "\\",
        "{{ x }}",
        "../x",
        "pg\0",
        "a'b",
        'a"b',
        "é",
        "\u2028",
        "#",
    ],
)
def test_a_name_that_would_be_a_command_is_never_sent(serve, name):
    fake = FakeHaproxy()
    socket = serve(fake.answer)
    for order in (
        lambda: socket.set_health("leader", name, False),
        lambda: socket.set_health(name, "pg1", False),
        lambda: socket.set_state("leader", name, "maint"),
        lambda: socket.set_state(name, "pg1", "maint"),
        lambda: socket.set_session_limit(name, 0),
    ):
        with pytest.raises(Refused, match="is no name of a proxy or server"):
            order()
    assert fake.asked == []


def test_random_names_pass_only_when_they_are_harmless(serve):
    fake = FakeHaproxy()
    socket = serve(fake.answer)
    chance = random.Random(7)
    for _round in range(200):
        name = "".join(chance.choices(string.printable, k=chance.choice((1, 2, 8))))
        kind = RemoteError if set(name) <= ALLOWED else Refused
        with pytest.raises(kind):
            socket.set_health("leader", name, False)
    assert all(len(line.split()) == 5 and ";" not in line for line in fake.asked)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "closed without an answer"),
        (b"Unknown command. Please enter one of\n", "no header of statistics"),
        (b"\xff\xfe\n", "no header of statistics"),
        (b"# pxname,svname,type\nleader," + b"x" * 200_000 + b",2\n", "cannot be read"),
    ],
)
def test_nonsense_is_an_error_and_not_an_empty_list(serve, answer, words):
    with pytest.raises(RemoteError, match=words):
        serve(lambda _line: answer).servers()


@pytest.mark.parametrize("path", ["none.sock", "x" * 200])
def test_nobody_there(tmp_path, path):
    with pytest.raises(RemoteError, match="'show stat -1 4 -1' on HAProxy's socket"):
        HaproxySocket(str(tmp_path / path)).servers()


def test_a_frozen_haproxy_is_given_up(serve):
    thaw = threading.Event()
    try:
        with pytest.raises(RemoteError, match=r"no answer within 0\.1 s"):
            serve(lambda _line: thaw.wait() and b"", timeout=0.1).servers()
    finally:
        thaw.set()
