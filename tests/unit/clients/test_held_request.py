# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import queue
import socket
import threading
from contextlib import suppress

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.held_request import HeldRequest, Unsent
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import Accepted
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, RemoteError
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.authority import Authority
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import said
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import FakeServer

BODY = {"leader": "pg1", "candidate": "{{ x }}\n'\"é"}
LONG = 20.0


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki")).issue("pg1")


@pytest.fixture
def serve(identity):
    servers = []

    def serve_one(answer):
        servers.append(FakeServer(answer, identity.server_context()))
        # What an answer raises is meant so.
        servers[-1]._server.handle_error = lambda *_request: None  # type: ignore[method-assign]
        return servers[-1]

    yield serve_one
    for server in servers:
        server.stop()


def held(server, identity, seconds=LONG):
    return HeldRequest(server.url, "/switchover", BODY, identity, seconds)


def test_it_is_sent_when_its_moment_comes(serve, identity):
    server = serve(lambda _call: said('Successfully switched over to "pg2"'))
    request = held(server, identity)
    assert server.calls == []
    assert request.send() == Accepted(200, 'Successfully switched over to "pg2"')
    (call,) = server.calls
    assert (call.method, call.path, call.body) == ("POST", "/switchover", BODY)


@pytest.mark.parametrize("status", [200, 202])
def test_consent_keeps_its_status(serve, identity, status):
    server = serve(lambda _call: said("words", status))
    assert held(server, identity).send() == Accepted(status, "words")


@pytest.mark.parametrize(
    ("status", "words"),
    [(400, ""), (403, "access denied"), (412, "candidate does not exists"), (503, "Switchover status unknown")],
)
def test_a_refusal_is_told_in_patronis_words(serve, identity, status, words):
    server = serve(lambda _call: said(words, status))
    with pytest.raises(RemoteError) as caught:
        held(server, identity).send()
    assert str(caught.value) == f"POST /switchover on {server.url}: HTTP {status}: {words}"
    assert (caught.value.details["status"], caught.value.details["answer"]) == (status, words)


def test_a_long_answer_is_cut(serve, identity):
    server = serve(lambda _call: said("x" * 100_000))
    assert len(held(server, identity).send().said) == 2000


def test_who_hangs_up_without_an_answer_has_no_status(serve, identity):
    def hang_up(_call):
        raise ConnectionAbortedError

    with pytest.raises(RemoteError, match=r"^POST /switchover on https://") as caught:
        held(serve(hang_up), identity).send()
    assert "status" not in caught.value.details


@pytest.fixture
def hanging_up(identity):
    """Its address, and what ends the connection that was made first."""
    accepted: queue.Queue[socket.socket] = queue.Queue()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet():
            with suppress(OSError):  # in the end nobody comes any more
                while True:
                    plain = listener.accept()[0]
                    accepted.put(identity.server_context().wrap_socket(plain, server_side=True))

        threading.Thread(target=greet, daemon=True).start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", lambda: accepted.get(timeout=LONG).close()


def test_who_has_hung_up_before_is_not_asked(hanging_up, identity):
    url, hang_up = hanging_up
    request = HeldRequest(url, "/switchover", BODY, identity, LONG)
    hang_up()
    with pytest.raises(Unsent, match="it hung up before it was asked"):
        request.send()


def test_a_connection_that_was_made_anew_is_open(hanging_up, identity):
    url, hang_up = hanging_up
    request = HeldRequest(url, "/switchover", BODY, identity, seconds=0.05)
    hang_up()
    request.connect()
    with pytest.raises(RemoteError, match="timed out") as caught:
        request.send()
    assert caught.type is RemoteError


def test_garbage_is_no_answer(identity):
    """Not HTTP, but over TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble():
            connection = identity.server_context().wrap_socket(listener.accept()[0], server_side=True)
            asked = b""
            while not asked.endswith(b"}"):
                asked += connection.recv(65536)
            connection.sendall(b"\xff garbage\r\n\r\n")
            connection.recv(1)
            connection.close()

        thread = threading.Thread(target=babble)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(RemoteError, match="garbage"):
            HeldRequest(url, "/switchover", BODY, identity, LONG).send()
        thread.join()


def test_silence_ends(serve, identity):
    done = threading.Event()

    def think(_call):
        done.wait(LONG)
        return said("too late")

    request = held(serve(think), identity, seconds=0.05)
    try:
        with pytest.raises(RemoteError, match="timed out"):
            request.send()
    finally:
        done.set()


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "https://127.0.0.1:99999", "https://127.0.0.1:x{{ y }}"])
def test_nobody_to_send_it_to(identity, url):
    with pytest.raises(RemoteError) as caught:
        HeldRequest(url, "/switchover", BODY, identity, LONG)
    assert str(caught.value).startswith(f"POST /switchover on {url}: ")


def test_a_server_of_another_authority_is_not_asked(serve, tmp_path):
    server = serve(lambda _call: said("done"))
    with pytest.raises(RemoteError, match="certificate verify failed"):
        held(server, Authority(tmp_path).issue("pg1"))
    assert server.calls == []


def test_a_server_that_speaks_no_tls_is_not_asked(identity):
    server = FakeServer(lambda _call: said("done"))
    try:
        with pytest.raises(RemoteError):
            HeldRequest(server.url.replace("http:", "https:"), "/switchover", BODY, identity, LONG)
        assert server.calls == []
    finally:
        server.stop()


def test_certificates_that_cannot_be_read(identity, tmp_path):
    missing = type(identity)(identity.ca_file, str(tmp_path / "host.crt"), str(tmp_path / "host.key"))
    with pytest.raises(MatriarchError, match=r"reading the certificates .*host\.crt"):
        HeldRequest("https://127.0.0.1:1", "/switchover", BODY, missing, LONG)
