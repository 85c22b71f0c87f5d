# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import Accepted
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    Refused,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations import crew as crew_of_agents
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations import leader_restart
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations.leader_restart import restart_leader
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.agents import FakeAgents
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import member

HOSTS = ("pg1", "pg2", "pg3")
CONNECTED, SENT = ("patroni", "connect"), ("patroni", "restart")
BODY = {"restart_pending": True}

BEFORE = [("pg1", "checkpoint"), *((host, "arm") for host in HOSTS), ("pg1", "started"),
          *((host, "hold") for host in HOSTS)]  # fmt: skip
MEANWHILE = [("pg1", "await_restarted"), *((host, "reopen") for host in HOSTS), ("pg1", "await_synchronous_standby")]
AFTER = [(host, duty) for duty in ("release", "disarm") for host in HOSTS]


def state(*, role: str = "quorum_standby", standbys: tuple[str, ...] = ("pg2", "pg3")) -> ClusterState:
    followers = [member(name, role, state="streaming") for name in standbys]
    return ClusterState.from_json({"members": [member("pg1", "leader"), *followers]})


@pytest.fixture
def agents(monkeypatch):
    fake = FakeAgents(*HOSTS)
    fake.request = "restart"
    fake.outcome = fake.restart
    monkeypatch.setattr(crew_of_agents, "Channel", fake.channel)
    monkeypatch.setattr(leader_restart, "Identity", lambda *_paths: None)
    return fake


@pytest.fixture
def restart(agents, monkeypatch):
    """Restart pg1 with these options; `sent` is what Patroni would be told, and where."""
    sent: list[tuple[Any, ...]] = []

    def request(*told: Any) -> FakeAgents:
        sent.append(told)
        return agents

    def act(cluster: ClusterState | None = None, **changed: Any):
        params = {
            "ca_file": "ca.crt", "client_cert": "host.crt", "client_key": None, "agent_port": 8010, "proxies": HOSTS,
            "agents": dict.fromkeys(HOSTS, "10.0.0.1"), "drain_timeout": 1.0, "hold_timeout": 5.0, "wait_timeout": 60.0,
        }  # fmt: skip
        before = cluster or state()
        assert before.leader is not None
        return restart_leader(before, before.leader, BODY, {**params, **changed})

    monkeypatch.setattr(leader_restart, "HeldRequest", request)
    act.sent = sent  # type: ignore[attr-defined]
    return act


def expect(agents, restart, kind, **changed):
    """The error that it ends with; whatever it was, nothing of the restart is left."""
    with pytest.raises(MatriarchError) as caught:
        restart(**changed)
    assert caught.type is kind
    assert agents.left_behind() == {}
    assert not any(host.armed for host in agents.hosts.values())
    return str(caught.value)


def test_it_is_restarted_while_clients_are_held(agents, restart):
    done = restart()
    assert done.answer.result().said == "restarted successfully"
    assert sorted(agents.asked) == sorted([*BEFORE, CONNECTED, SENT, *MEANWHILE, *AFTER])
    assert agents.left_behind() == {}
    assert not any(host.armed for host in agents.hosts.values())
    assert {host.routed for host in agents.hosts.values()} == {"pg1"}
    assert done.warnings == []
    phases = ["checkpoint", "prepare", "drain", "restart", "route", "follow", "resume", "total_pause"]
    assert list(done.phases) == phases
    assert done.phases["total_pause"] >= done.phases["restart"]
    url, path, body, _identity, seconds = restart.sent[0]
    assert (url, path, body, seconds) == ("https://pg1:8008", "/restart", BODY, 60.0)


def test_everything_has_its_order(agents, restart):
    restart()
    order = ["checkpoint", "connect", "arm", "started", "hold", "restart", "await_restarted", "reopen",
             "await_synchronous_standby", "release", "disarm"]  # fmt: skip
    for before, after in itertools.pairwise(order):
        assert max(agents.times(before)) < min(agents.times(after)), f"{before} comes before {after}"
    assert agents.held_without_a_timer == []


def test_what_the_agents_are_told(agents, restart):
    restart()
    told = agents.told
    assert told["pg2", "arm"] == {"pools": ["rw"], "after": 9.0}
    assert told["pg2", "hold"] == {"pools": ["rw"], "patience": 1.0}
    assert told["pg1", "await_restarted"]["since"] == agents.do("pg1", "started", {})
    assert 0 < told["pg1", "await_synchronous_standby"]["patience"] <= 2.0


def test_readers_that_only_the_leader_serves_are_held_too(agents, restart):
    restart(state(standbys=()))
    assert agents.told["pg2", "hold"]["pools"] == ["rw", "ro"]


def test_without_synchronous_standbys_none_is_waited_for(agents, restart):
    restart(state(role="replica"))
    assert agents.times("await_synchronous_standby") == []


@pytest.mark.parametrize("silent", ["pg1", "pg3"])
def test_a_host_without_an_agent_ends_it_before_anything(agents, restart, silent):
    agents.silent.add(silent)
    told = expect(agents, restart, Refused)
    assert f"could not lend a hand: {silent}: refused" in told
    assert agents.asked == []


def test_without_certificates_nobody_is_asked(agents, restart):
    assert "give 'ca_file' and 'client_cert'" in expect(agents, restart, Refused, client_cert=None)
    assert agents.asked == []


def test_a_pooler_that_does_not_come_to_rest_ends_it(agents, restart):
    agents.faults["pg2", "hold"] = DeadlineExceeded("pg2: the pool rw did not come to rest within 1 s: pid 7")
    told = expect(agents, restart, Refused)
    assert told.startswith("Nothing was changed. pg2: the pool rw did not come to rest")
    assert told.endswith("Next: end these transactions, or wait for them")
    assert SENT not in agents.asked


def refusal(status, words):
    def refuse():
        message = f"POST /restart on https://pg1:8008: HTTP {status}: {words}"
        raise RemoteError(message, reason=words, status=status, answer=words)

    return refuse


@pytest.mark.parametrize("status", [401, 503])
def test_clients_are_let_go_at_once_when_patroni_will_not(agents, restart, status):
    agents.outcome = refusal(status, "restart conditions are not satisfied")
    done = restart()
    with pytest.raises(RemoteError, match="restart conditions are not satisfied"):
        done.answer.result()
    assert done.phases["total_pause"] < 4000
    assert agents.times("reopen") == []
    assert agents.left_behind() == {}


def test_clients_are_not_held_longer_than_allowed(agents, restart):
    agents.outcome = lambda: Accepted(200, "restarted successfully")  # and it is not up yet
    done = restart(hold_timeout=0.05)
    assert 50 <= done.phases["total_pause"] < 4000
    assert agents.times("reopen") == []
    assert agents.left_behind() == {}


@pytest.mark.parametrize("how", ["refuses", "answer is lost", "dies"])
@pytest.mark.parametrize("point", [*BEFORE, *MEANWHILE, *AFTER], ids=" ".join)
def test_interrupted_at_every_point(agents, restart, point, how):
    """An agent that fails before anything is sent ends it; later it is Patroni's doing, and it only costs time."""
    agents.fails = (point, how)
    if point in BEFORE:
        told = expect_failure(restart)
        assert told.startswith(f"Nothing was changed. {point[1]} at the agent of {point[0]}: ")
        assert SENT not in agents.asked
    else:
        done = restart()
        assert done.answer.result().said == "restarted successfully"
        assert bool(done.warnings) == (point in MEANWHILE)
        assert all(point[0] in warning for warning in done.warnings)
    assert agents.left_behind() == {}
    assert agents.held_without_a_timer == []
    assert not any(host.armed for name, host in agents.hosts.items() if name != point[0])


def expect_failure(restart) -> str:
    with pytest.raises(Refused) as caught:
        restart()
    return str(caught.value)
