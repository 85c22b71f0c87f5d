# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Any, cast

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent import wire
from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.wire import Identity, Line
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError


@pytest.fixture
def pair():
    """A line, and the bare other end of it. TLS or not is all the same to a line."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _address = listener.accept()
    yield Line(cast(Any, near)), far
    near.close()
    far.close()


@pytest.mark.parametrize(
    "message",
    [{}, {"duty": "hold", "with": {"pools": ["rw"]}}, {"{{ x }}": "two\nlines \"'\0 é ☃"}, {"long": "x" * 200_000}],
    ids=["empty", "plain", "hostile", "long"],
)
def test_what_is_sent_arrives(pair, message):
    line, far = pair
    sender = threading.Thread(target=Line(cast(Any, far)).send, args=(message,))
    sender.start()
    assert line.receive(10) == message
    sender.join()


def test_two_at_once_and_one_in_pieces_are_three(pair):
    line, far = pair
    far.sendall(b'{"a": 1}\n{"a": 2}\n{"a"')
    assert [line.receive(5), line.receive(5)] == [{"a": 1}, {"a": 2}]
    far.sendall(b": 3}\n")
    assert line.receive(5) == {"a": 3}


@pytest.mark.parametrize("said", [b"", b'{"a": 1'], ids=["nothing", "half an object"])
def test_who_hangs_up_says_no_more(pair, said):
    line, far = pair
    far.sendall(said)
    far.close()
    assert line.receive(5) is None


@pytest.mark.parametrize(
    "garbage",
    [b"\n", b"{\n", b"[]\n", b"5\n", b"null\n", b"\xff\xfe\n", b"GET / HTTP/1.1\r\n", b"[" * 50_000 + b"\n"],
    ids=lambda garbage: repr(garbage[:10]),
)
def test_garbage_is_nonsense(pair, garbage):
    line, far = pair
    far.sendall(garbage)
    with pytest.raises(ValueError, match=r"."):
        line.receive(5)


def test_a_line_without_an_end_is_nonsense(pair, monkeypatch):
    line, far = pair
    monkeypatch.setattr(wire, "LONGEST_LINE", 10)
    far.sendall(b"x" * 11)
    with pytest.raises(ValueError, match="a line of more than 10 bytes"):
        line.receive(5)


def test_silence_ends(pair):
    with pytest.raises(TimeoutError):
        pair[0].receive(0.01)


def test_who_only_dribbles_is_not_listened_to_for_ever(pair):
    line, far = pair
    done = threading.Event()

    def dribble():
        with suppress(OSError):
            while not done.is_set():
                far.sendall(b"x")
                time.sleep(0.002)

    dribbler = threading.Thread(target=dribble)
    dribbler.start()
    try:
        with pytest.raises(TimeoutError):
            line.receive(0.05)
    finally:
        done.set()
        dribbler.join()


@pytest.mark.parametrize("side", ["server_context", "client_context"])
def test_certificates_that_cannot_be_read_are_named(tmp_path, side):
    (tmp_path / "ca.crt").write_text("no certificate")
    identity = Identity(str(tmp_path / "ca.crt"), "/nonexistent/host.crt", "/nonexistent/host.key")
    with pytest.raises(MatriarchError, match=r"^reading the certificates .*/ca.crt, /nonexistent/host.crt, "):
        getattr(identity, side)()
