# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signs of life, the command's proof, and a connection that is kept: with real sockets and processes."""

from __future__ import annotations

import os
import socket
import ssl
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import kept_http
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.kept_http import KeptHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fencing.looking import answering
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fencing.proving import disproof
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import FakeServer, Reply


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()


def silent_place(backlog):
    """One whose queue is full, so that nothing is answered, as by a host without power."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(0)
    for _number in range(3):
        link = socket.socket()
        link.setblocking(False)
        link.connect_ex(server.getsockname())
        backlog.append(link)
    backlog.append(server)
    return server.getsockname()


def test_who_takes_a_connection_or_refuses_it_is_alive(listener):
    refusing = closed_port()
    assert answering([listener, refusing, refusing], 5.0) == {listener, refusing}


def test_silence_is_no_sign_of_life(listener):
    backlog: list[socket.socket] = []
    silent = silent_place(backlog)
    assert answering([listener, silent, silent], 0.1) == {listener}
    for link in backlog:
        link.close()


def test_a_proof():
    assert disproof(["/bin/sh", "-c", 'test "$0" = pg1'], "pg1", 10) == ""


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["/bin/sh", "-c", "exit 3"], "it ended with exit code 3"),
        (["/bin/sh", "-c", "kill -9 $$"], "it ended with exit code -9"),
        (["/does/not/exist"], "it could not be run: "),
    ],
)
def test_no_proof(command, told):
    assert disproof(command, "pg1", 10).startswith(told)


def test_a_command_that_takes_too_long_is_killed_with_all_it_started(tmp_path):
    told = disproof(["/bin/sh", "-c", f"sleep 60 & echo $! > {tmp_path}/child; wait"], "pg1", 0.5)
    assert told.startswith("it did not end within")
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 10
    while is_alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def plain(monkeypatch):
    """The client without TLS, which its other parts do not know of."""

    def connection(host, port, context, timeout):
        return HTTPConnection(host, port, timeout=timeout)

    monkeypatch.setattr(kept_http, "HTTPSConnection", connection)


def test_requests_and_refusals(plain):
    server = FakeServer(lambda call: Reply({"was": call.body}) if call.path == "/good" else Reply(b"no", 412))
    client = KeptHttp(server.url, ssl.create_default_context, 5.0)
    assert client.request("POST", "/good", {"a": 1}) == {"was": {"a": 1}}
    with pytest.raises(RemoteError, match=r"POST /bad on .*: HTTP 412: no"):
        client.request("POST", "/bad")
    assert client.request("POST", "/good", 2) == {"was": 2}
    server.stop()
    with pytest.raises(RemoteError):
        client.request("POST", "/good")
    assert len(server.asked("POST")) == 3
