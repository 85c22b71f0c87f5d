# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
import time

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.server import AgentServer
from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.wire import Identity
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations import crew as crew_of_agents
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations.crew import Crew
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.agents import FakeAgents
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.authority import Authority

LONG = 20.0
NOBODY = Identity("", "", "")


@pytest.fixture
def agents(monkeypatch):
    fake = FakeAgents("pg1", "pg2", "pg3")
    monkeypatch.setattr(crew_of_agents, "Channel", fake.channel)
    return fake


def crew_on(agents):
    return Crew(dict.fromkeys(agents.hosts, "10.0.0.1"), 8010, NOBODY)


def test_over_tls_with_one_silent_agent(tmp_path):
    authority = Authority(tmp_path)
    operation = authority.issue("ctl1")
    names = {"pg1": "127.0.0.1", "pg2": "127.0.0.2"}
    port, put_back, threads = 0, {name: threading.Event() for name in names}, []
    for name, address in names.items():
        server = AgentServer((address, port), authority.issue(name), ["ctl1"], LONG)
        port = server._listener.getsockname()[1]
        duties = {"name": lambda name=name: name}
        threads.append(threading.Thread(target=server.serve, args=(duties, put_back[name].set), daemon=True))
        threads[-1].start()
    with Crew({**names, "pg3": "127.0.0.3"}, port, operation) as crew:
        assert crew.of(["pg3", "pg2", "pg1", "pg9"]) == ["pg2", "pg1"]
        assert list(crew.silent) == ["pg3"]
        assert "refused" in crew.silent["pg3"]
        assert crew.ask_all(names, "name") == {"pg1": "pg1", "pg2": "pg2"}
        assert not any(event.is_set() for event in put_back.values())
    for thread in threads:
        thread.join(LONG)
    assert all(event.is_set() for event in put_back.values())


def test_certificates_of_ones_own_that_cannot_be_read_are_nobody_elses_silence(tmp_path):
    identity = Authority(tmp_path).issue("ctl1")
    (tmp_path / "ctl1.key").unlink()
    server = AgentServer(("127.0.0.1", 0), Authority(tmp_path).issue("pg1"), ["ctl1"], LONG)
    with pytest.raises(MatriarchError, match=r"reading the certificates .*ctl1\.key"):
        Crew({"pg1": "127.0.0.1"}, server._listener.getsockname()[1], identity)
    server._listener.close()


def test_all_are_asked_at_the_same_time(agents, monkeypatch):
    together, done = threading.Barrier(3), []

    def do(name, duty, _arguments):
        together.wait(LONG)
        done.append((name, duty))
        return name

    monkeypatch.setattr(agents, "do", do)
    with crew_on(agents) as crew:
        assert crew.ask_all(agents.hosts, "pools") == {"pg1": "pg1", "pg2": "pg2", "pg3": "pg3"}
        crew.ask_all_kindly(agents.hosts, "release")
    assert sorted(done) == [(name, duty) for name in agents.hosts for duty in ("pools", "release")]


def test_an_error_is_raised_when_all_are_done(agents, monkeypatch):
    done = []

    def do(name, _duty, _arguments):
        if name == "pg1":
            raise DeadlineExceeded("pg1: not at rest")
        time.sleep(0.03)
        done.append(name)

    monkeypatch.setattr(agents, "do", do)
    with crew_on(agents) as crew:
        with pytest.raises(DeadlineExceeded, match="pg1: not at rest"):
            crew.ask_all(agents.hosts, "hold")
        assert sorted(done) == ["pg2", "pg3"]


def test_kindly_asked_all_are_asked_whatever_one_of_them_says(agents):
    agents.faults["pg1", "release"] = RemoteError("gone")
    agents.silent.add("pg2")
    with crew_on(agents) as crew:
        crew.ask_all_kindly(["pg1", "pg2", "pg3", "pg4"], "release", pools=["rw"])
    assert sorted(agents.asked) == [("pg1", "release"), ("pg3", "release")]


def test_a_question_can_be_answered_later(agents):
    with crew_on(agents) as crew:
        assert crew.begin("pg2", "flushed").result(LONG) == crew.ask("pg2", "flushed")


def test_everybody_is_hung_up_on_in_the_end(agents):
    with crew_on(agents) as crew:
        crew.ask("pg2", "mark", lasting=5)
        assert agents.hosts["pg2"].marked
    assert not agents.hosts["pg2"].marked


def test_nobody_is_a_crew_too():
    with Crew({}, 8010, NOBODY) as crew:
        assert (crew.of(["pg1"]), crew.silent, crew.ask_all([], "pools")) == ([], {}, {})
