# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operation's side and the agent's, over TLS."""

from __future__ import annotations

import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent import server
from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.channel import Channel
from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.server import AgentServer, answer, dismiss
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    Refused,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.authority import Authority

LONG = 20.0  # seconds that no test lasts


@pytest.fixture(scope="module")
def identities(tmp_path_factory):
    """By name: pg1 has the agent, operations come from ctl1; stranger is of the same authority, alien of another."""
    home, elsewhere = Authority(tmp_path_factory.mktemp("home")), Authority(tmp_path_factory.mktemp("elsewhere"))
    return {name: home.issue(name) for name in ("pg1", "ctl1", "stranger")} | {"alien": elsewhere.issue("ctl1")}


class Agent:
    """One in a thread; `put_back` is set when it has put back, and that it has ended is waited for then."""

    def __init__(self, identity, duties, patience):
        self.put_back = threading.Event()
        self._server = AgentServer(("127.0.0.1", 0), identity, ["ctl1", "ctl2"], patience, patience)
        self.port = self._server._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve, args=(duties, self.put_back.set), daemon=True)
        self._thread.start()

    def has_ended(self):
        self._thread.join(LONG)
        return self.put_back.is_set() and not self._thread.is_alive()


def hurt(error):
    def duty():
        raise error

    return duty


ERRORS = {
    "late": DeadlineExceeded("waited 1 s in vain"),
    "remote": RemoteError("asking PostgreSQL: {{ x }}\n'\"", reason="{{ x }}"),
    "refused": Refused("'a;b' is no name"),
    "system": PermissionError(13, "Permission denied", "/run/x"),
    "fault": KeyError("pool"),
}


@pytest.fixture
def start(identities):
    agents = []

    def start_one(patience=LONG, **duties):
        known = {"echo": lambda **told: told, **{name: hurt(error) for name, error in ERRORS.items()}, **duties}
        agents.append(Agent(identities["pg1"], known, patience))
        return agents[-1]

    yield start_one
    for agent in agents:
        with suppress(RemoteError), Channel("pg1", "127.0.0.1", agent.port, identities["ctl1"]):
            pass
        assert agent.has_ended()


@pytest.fixture
def connect(identities):
    def connect_to(agent, who="ctl1", name="pg1"):
        return Channel(name, "127.0.0.1", agent.port, identities[who], seconds=LONG)

    return connect_to


def test_a_duty_is_done_and_what_came_of_it_told(start, connect):
    with connect(start(add=lambda *, a, b: a + b)) as channel:
        assert channel.ask("add", a=1, b=2) == 3
        assert channel.ask("echo", text="{{ x }}\n'\"\0☃", nothing=None) == {"text": "{{ x }}\n'\"\0☃", "nothing": None}


@pytest.mark.parametrize(
    ("duty", "kind", "told"),
    [
        ("late", DeadlineExceeded, "pg1: waited 1 s in vain"),
        ("remote", RemoteError, "asking PostgreSQL: {{ x }}\n'\""),
        ("refused", RemoteError, "'a;b' is no name"),
        ("system", RemoteError, "PermissionError: [Errno 13] Permission denied: '/run/x'"),
        ("fault", RemoteError, "KeyError: 'pool'"),
        ("unheard {{ of }}", RemoteError, "this agent has no duty 'unheard {{ of }}'"),
    ],
)
def test_what_goes_wrong_with_a_duty_comes_through_and_ends_nothing(start, connect, duty, kind, told):
    agent = start()
    with connect(agent) as channel:
        with pytest.raises(kind) as caught:
            channel.ask(duty)
        assert told in str(caught.value)
        if kind is RemoteError:
            assert str(caught.value).startswith(f"{duty} at the agent of pg1 (127.0.0.1:{agent.port}): ")
        assert channel.ask("echo", still="there") == {"still": "there"}


def test_wrong_arguments_are_an_answer():
    told = answer({"duty": "add", "with": {"c": 1}}, {"add": lambda *, a: a})
    assert "unexpected keyword argument 'c'" in told["error"]["msg"]
    assert "must be a mapping" in answer({"duty": "add", "with": 5}, {"add": lambda: 1})["error"]["msg"]
    assert "no duty None" in answer({}, {})["error"]["msg"]


def test_it_puts_back_and_ends_when_the_operation_hangs_up(start, connect):
    agent = start()
    with connect(agent) as channel:
        channel.ask("echo")
        assert not agent.put_back.is_set()
    assert agent.has_ended()


def test_it_puts_back_and_ends_when_the_operations_host_resets_the_connection(start, connect):
    agent = start()
    channel = connect(agent)
    channel.ask("echo")
    channel._line._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    channel._line.close()
    assert agent.has_ended()


def test_it_puts_back_and_ends_when_the_operation_says_nothing_for_too_long(start, connect):
    agent = start(patience=0.3)
    with connect(agent) as channel:
        assert agent.has_ended()
        with pytest.raises(RemoteError, match="echo at the agent of pg1"):
            channel.ask("echo")


def test_it_puts_back_and_ends_when_nobody_comes(start):
    assert start(patience=0.01).has_ended()


def test_one_that_waits_for_nobody_gives_its_place_up(start, identities):
    agent = start()
    dismiss(("127.0.0.1", agent.port), identities["ctl1"])
    assert agent.has_ended()


def test_one_that_has_its_operation_stays(start, connect, identities, monkeypatch):
    monkeypatch.setattr(server, "HANDSHAKE", 0.1)
    agent = start()
    with connect(agent) as channel:
        dismiss(("127.0.0.1", agent.port), identities["ctl1"])
        assert channel.ask("echo", a=1) == {"a": 1}


def test_it_puts_back_and_ends_at_garbage_on_the_line(start, connect):
    agent = start()
    channel = connect(agent)
    channel._line._connection.sendall(b"\xff{{ [ \n")
    assert agent.has_ended()


@pytest.mark.parametrize("who", ["stranger", "alien"])
def test_who_is_not_of_the_peers_is_refused_and_takes_nobodys_place(start, connect, who):
    done = []
    agent = start(hold=lambda: done.append("held"))
    with pytest.raises(RemoteError, match="at the agent of pg1"), connect(agent, who) as channel:
        channel.ask("hold")
    assert done == []
    with connect(agent) as channel:
        channel.ask("hold")
    assert done == ["held"]


def test_who_speaks_no_tls_takes_nobodys_place(start, connect):
    agent = start()
    with socket.create_connection(("127.0.0.1", agent.port)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
    with connect(agent) as channel:
        assert channel.ask("echo", a=1) == {"a": 1}


def test_a_host_of_another_name_is_not_asked(start, connect):
    with pytest.raises(RemoteError, match=r"connecting at the agent of pg2 .*certificate is not valid for 'pg2'"):
        connect(start(), name="pg2")


def test_nobody_listens_there(start, connect):
    agent = start(patience=0.01)
    assert agent.has_ended()
    with pytest.raises(RemoteError, match=r"^connecting at the agent of pg1 \(127.0.0.1:\d+\): .*refused") as caught:
        connect(agent)
    assert caught.value.details["host"] == "pg1"


def test_an_answer_that_came_too_late_is_not_taken_for_the_next_one(start, connect):
    go_on = threading.Event()
    with connect(start(slow=lambda: go_on.wait(LONG) and "slow")) as channel:
        for _time in range(2):
            with pytest.raises(RemoteError, match=r"^slow at the agent of pg1 .*timed out|no answer in time"):
                channel.ask("slow", seconds=0.05)
        go_on.set()
        assert channel.ask("echo", a=1) == {"a": 1}


def test_several_may_ask_at_once_and_each_gets_its_own_answer(start, connect):
    with connect(start()) as channel, ThreadPoolExecutor(8) as workers:
        asked = [workers.submit(channel.ask, "echo", number=number) for number in range(40)]
        assert [future.result()["number"] for future in asked] == list(range(40))


def test_an_agent_that_cannot_prove_itself_does_not_listen(identities):
    with pytest.raises(MatriarchError, match="reading the certificates"):
        AgentServer(("127.0.0.1", 0), type(identities["pg1"])("/nonexistent", "", ""), ["ctl1"], LONG)
