# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import json_http
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import (
    Accepted,
    JsonHttp,
    first_answer,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import NobodyAnswered, RemoteError
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import FakeServer, Reply


@pytest.fixture
def reply() -> dict[str, Reply]:
    """What the server will answer, under the key "now"."""
    return {"now": Reply({"fine": True})}


@pytest.fixture
def server(reply: dict[str, Reply]) -> Iterator[FakeServer]:
    fake = FakeServer(lambda _call: reply["now"])
    yield fake
    fake.stop()


def refusal_of(client: JsonHttp, method: str = "GET", path: str = "/x", body: object = None) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        client.request(method, path, body)
    return caught.value


def test_json_goes_and_comes(server: FakeServer) -> None:
    assert JsonHttp(server.url).request("POST", "/x", {"a": "ä'\"{{"}) == {"fine": True}
    assert server.calls[0].body == {"a": "ä'\"{{"}


def test_the_environment_sends_no_request_through_a_proxy(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert JsonHttp(server.url).request("GET", "/x") == {"fine": True}


def test_a_refusal_reaches_the_user_verbatim(server: FakeServer, reply: dict[str, Reply]) -> None:
    reply["now"] = Reply(b"candidate name does not match with sync_standby", 412, "text/plain")
    error = refusal_of(JsonHttp(server.url), "POST", "/switchover", {})
    assert str(error) == f"POST /switchover on {server.url}: HTTP 412: candidate name does not match with sync_standby"
    assert error.details["status"] == 412


def test_words_are_no_page_whatever_type_they_claim(server: FakeServer, reply: dict[str, Reply]) -> None:
    reply["now"] = Reply(b"no good candidates have been found", 412, "text/html")
    assert refusal_of(JsonHttp(server.url)).reason == "HTTP 412: no good candidates have been found"


def test_an_answer_in_words_keeps_its_status(server: FakeServer, reply: dict[str, Reply]) -> None:
    reply["now"] = Reply(b"Switchover scheduled\n", 202, "text/html")
    assert JsonHttp(server.url).send("POST", "/x", {}) == Accepted(202, "Switchover scheduled")


def test_patience_is_for_one_request(server: FakeServer) -> None:
    client = JsonHttp(server.url, ca_file="/ca", timeout=5)
    assert client.patient(60) == JsonHttp(server.url, ca_file="/ca", timeout=60)


def test_a_page_for_browsers_is_told_by_its_reason(server: FakeServer, reply: dict[str, Reply]) -> None:
    reply["now"] = Reply(b"<!DOCTYPE HTML><html>...", 409, "text/html;charset=utf-8")
    assert refusal_of(JsonHttp(server.url)).reason == "HTTP 409: Conflict"


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"\xff\xfe\x00", b"[" * 200_000])
def test_an_answer_that_is_not_json_is_an_error(server: FakeServer, reply: dict[str, Reply], body: bytes) -> None:
    reply["now"] = Reply(body)
    error = refusal_of(JsonHttp(server.url))
    assert "not JSON" in str(error)
    assert len(str(error)) < 1000


def test_an_endless_answer_is_cut(server: FakeServer, reply: dict[str, Reply], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_http, "LARGEST_ANSWER", 1000)
    reply["now"] = Reply(json.dumps("x" * 2000).encode())
    assert "larger than 1000 bytes" in str(refusal_of(JsonHttp(server.url)))


def test_a_redirect_is_not_followed(server: FakeServer, reply: dict[str, Reply]) -> None:
    reply["now"] = Reply(b"", 307)
    assert refusal_of(JsonHttp(server.url)).details["status"] == 307
    assert len(server.calls) == 1


def test_a_closed_port_is_named() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    error = refusal_of(JsonHttp(f"http://127.0.0.1:{port}"))
    assert f"GET /x on http://127.0.0.1:{port}: " in str(error)
    assert "refused" in error.reason


def test_a_server_that_hangs_costs_the_timeout_and_no_more() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        start = time.monotonic()
        error = refusal_of(JsonHttp(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2))
    assert error.reason == "no answer in time"
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH_10\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"])
def test_another_service_on_the_port_is_an_error(said: bytes) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def speak() -> None:
            connection, _address = listener.accept()
            connection.recv(1000)
            connection.sendall(said)
            connection.close()

        speaker = threading.Thread(target=speak)
        speaker.start()
        error = refusal_of(JsonHttp(f"http://127.0.0.1:{listener.getsockname()[1]}"))
        speaker.join()
    assert error.reason


@pytest.mark.parametrize(
    "url", ["pg1:8008", "https://", "http://a b", "http://[::1", "ftp://pg1", f"http://{'x' * 70}"]
)
def test_an_address_that_is_none_is_an_error(url: str) -> None:
    assert url in str(refusal_of(JsonHttp(url, timeout=1)))


def test_a_missing_certificate_file_is_an_error_that_names_it(server: FakeServer) -> None:
    client = JsonHttp(server.url.replace("http", "https"), ca_file="/nowhere/ca.crt")
    assert "No such file" in str(refusal_of(client))


def test_the_first_that_answers_is_taken_and_the_failures_before_it_are_told(server: FakeServer) -> None:
    class Client:
        def __init__(self, url: str) -> None:
            self.url = url

    def ask(client: Client) -> str:
        if client.url != "c":
            raise RemoteError(f"long {client.url}", reason=f"short {client.url}")
        return "answer"

    found = first_answer([Client("a"), Client("b"), Client("c"), Client("c")], ask)
    assert (found.answer, found.client.url) == ("answer", "c")
    assert found.unanswered == {"a": "short a", "b": "short b"}
    with pytest.raises(NobodyAnswered, match="none of 2 servers answered: a: short a; b: short b") as caught:
        first_answer([Client("a"), Client("b")], ask)
    assert caught.value.details == {"unanswered": {"a": "short a", "b": "short b"}}
