# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import socket
import tempfile
import threading
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.channel import Channel
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.modules import host_agent
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.authority import Authority
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.haproxy import FakeHaproxy, UnixServer
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.pgbouncer import FakePgBouncer
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.systemd import FakeSystemd

LONG = 20.0
PROXY = ["arm", "disarm", "drain", "hold", "pools", "release", "reopen", "route", "undrain"]
MEMBER = ["await_cut_off", "await_flushed", "await_restarted", "await_synchronous_standby", "await_writable",
          "checkpoint", "flushed", "follow", "look", "mark", "started", "unmark"]  # fmt: skip


@pytest.fixture(scope="module")
def identities(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("pki"))
    return {name: authority.issue(name) for name in ("pg1", "ctl1")}


@pytest.fixture
def detached(monkeypatch):
    """What would have gone on in the background."""
    works = []

    def detach(work):
        works.append(work)
        return 4711

    monkeypatch.setattr(host_agent, "detach", detach)
    return works


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


@pytest.fixture
def run(run_module, identities, detached, port):
    def run_one(check_mode=False, **params):
        own = identities["pg1"]
        files = {"ca_file": own.ca_file, "certificate": own.certificate, "key": own.key}
        options = {"address": "127.0.0.1", "port": port, "peers": ["ctl1"], "patience": LONG, **files}
        return run_module(host_agent, check_mode=check_mode, **{**options, **params})

    return run_one


MEMBERS_HOST = {"postgres_socket_directory": "/run/postgresql"}
PROXYS_HOST = {"haproxy_socket": "/run/haproxy/admin.sock", "poolers": {"rw": {"socket_directory": "/x", "port": 1}}}


@pytest.fixture
def hang_up(detached, identities, port):
    """Let the agents that were started end, so that nobody is left listening."""
    yield
    for work in detached:
        thread = threading.Thread(target=work)
        thread.start()
        Channel("pg1", "127.0.0.1", port, identities["ctl1"], seconds=LONG).__exit__(None, None, None)
        thread.join(LONG)


@pytest.mark.parametrize(
    ("host", "check_mode", "duties"),
    [
        (MEMBERS_HOST, False, MEMBER),
        (PROXYS_HOST, False, PROXY),
        ({**MEMBERS_HOST, **PROXYS_HOST}, False, sorted(MEMBER + PROXY)),
        ({**MEMBERS_HOST, **PROXYS_HOST}, True, ["flushed", "look", "pools"]),
        ({}, False, []),
    ],
)
@pytest.mark.usefixtures("hang_up")
def test_a_host_can_what_it_has(run, host, check_mode, duties):
    answer = run(check_mode, **host)
    assert (answer["changed"], answer["pid"], answer["duties"]) == (False, 4711, duties)


@pytest.fixture
def proxy(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    FakeSystemd(tmp_path)
    with tempfile.TemporaryDirectory(prefix="agent-") as name:
        pooler, haproxy = FakePgBouncer(Path(name), 6432), FakeHaproxy()
        admin = UnixServer(Path(name) / "admin.sock", haproxy.answer)
        poolers = {"rw": {"socket_directory": name, "port": "6432"}}
        yield pooler, haproxy, {"haproxy_socket": admin.path, "poolers": poolers}
        pooler.stop()
        admin.stop()


def test_it_does_its_duty_and_puts_back_when_it_is_hung_up_on(run, proxy, detached, identities, port, tmp_path):
    pooler, haproxy, options = proxy
    answer = run(**options, **MEMBERS_HOST, handover_mark=str(tmp_path / "handover"))
    assert (answer["changed"], answer["pid"]) == (False, 4711)
    thread = threading.Thread(target=detached[0])
    thread.start()
    with Channel("pg1", "127.0.0.1", port, identities["ctl1"]) as channel:
        assert channel.ask("drain", member="pg2") is True
        channel.ask("arm", pools=["rw"], after=10)
        channel.ask("hold", pools=["rw"], patience=5)
        channel.ask("mark", lasting=60)
        assert (pooler.paused, haproxy.servers["replicas", "pg2"].state) == (True, "drain")
        assert (tmp_path / "handover").exists()
    thread.join(LONG)
    assert (pooler.paused, haproxy.servers["replicas", "pg2"].state) == (False, "ready")
    assert not (tmp_path / "handover").exists()


def test_poolers_are_resumed_even_where_the_mark_cannot_be_taken_away(run, proxy, detached, identities, port, tmp_path):
    pooler, _haproxy, options = proxy
    (tmp_path / "handover").mkdir()
    run(**options, **MEMBERS_HOST, handover_mark=str(tmp_path / "handover"))
    ended = []

    def work():
        with pytest.raises(OSError, match="handover"):
            detached[0]()
        ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    with Channel("pg1", "127.0.0.1", port, identities["ctl1"]) as channel:
        channel.ask("arm", pools=["rw"], after=10)
        channel.ask("hold", pools=["rw"], patience=5)
    thread.join(LONG)
    assert (pooler.paused, ended) == (False, [True])


def test_in_check_mode_it_holds_nobody(run, proxy, detached, identities, port):
    pooler, _haproxy, options = proxy
    run(True, **options)
    thread = threading.Thread(target=detached[0])
    thread.start()
    with Channel("pg1", "127.0.0.1", port, identities["ctl1"]) as channel:
        assert channel.ask("pools") == {"rw": {"paused": False, "waiting": 2}}
        with pytest.raises(RemoteError, match="no duty 'hold'"):
            channel.ask("hold", pools=["rw"], patience=5)
    thread.join(LONG)
    assert pooler.orders == []


def test_a_port_that_stays_taken_is_told(run, detached, monkeypatch):
    monkeypatch.setattr(host_agent, "PLACE_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answer = run(port=taken.getsockname()[1])
    assert answer["failed"]
    assert f"listening at 127.0.0.1:{answer['invocation']['module_args']['port']}: " in answer["msg"]
    assert "Address already in use" in answer["msg"]
    assert "ss -ltnp" in answer["msg"]
    assert detached == []


def test_certificates_that_cannot_be_read_are_told_as_such(run, detached):
    answer = run(certificate="/nonexistent/host.crt")
    assert answer["failed"]
    assert "reading the certificates" in answer["msg"]
    assert "/nonexistent/host.crt" in answer["msg"]
    assert "listening" not in answer["msg"]
    assert detached == []


@pytest.mark.parametrize(
    "poolers",
    [{"rw": {}}, {"rw": {"socket_directory": "/x"}}, {"rw": 5}, {"rw": {"socket_directory": "/x", "port": "y"}}],
)
def test_poolers_that_cannot_be_meant_are_refused(run, detached, poolers):
    answer = run(haproxy_socket="/x", poolers=poolers)
    assert answer["failed"]
    assert "each of 'poolers' needs a 'socket_directory' and a 'port'" in answer["msg"]
    assert detached == []
