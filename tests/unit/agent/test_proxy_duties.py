# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.proxy import ProxyDuties
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.haproxy import HaproxySocket
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    Refused,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.haproxy import FakeHaproxy, UnixServer
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.pgbouncer import FakePgBouncer, client
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.systemd import FakeSystemd

BOTH = ["rw", "ro"]


@dataclass
class Proxy:
    """A host with two poolers and a balancer, and the duties on it."""

    rw: FakePgBouncer
    ro: FakePgBouncer
    haproxy: FakeHaproxy
    systemd: FakeSystemd
    duties: ProxyDuties

    @property
    def paused(self) -> list[bool]:
        return [self.rw.paused, self.ro.paused]

    @property
    def orders(self) -> list[str]:
        """What HAProxy was told about its servers, rather than asked."""
        return [line for line in self.haproxy.asked if line.startswith("set server")]

    @property
    def sessions_wait(self) -> bool:
        return self.haproxy.session_limits["rw"] == 0


@pytest.fixture
def proxy(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with tempfile.TemporaryDirectory(prefix="proxy-") as name:  # short, for a socket's path has 107 bytes at most
        here = Path(name)
        rw, ro = FakePgBouncer(here, 6432), FakePgBouncer(here, 6433)
        haproxy = FakeHaproxy()
        socket = UnixServer(here / "admin.sock", haproxy.answer)
        consoles = {"rw": (name, 6432), "ro": (name, 6433)}
        duties = ProxyDuties(consoles, HaproxySocket(socket.path))
        yield Proxy(rw, ro, haproxy, FakeSystemd(tmp_path), duties)
        rw.stop()
        ro.stop()
        socket.stop()


def test_pools_are_looked_at_and_left_alone(proxy):
    proxy.ro.paused = True
    assert proxy.duties.pools() == {"rw": {"paused": False, "waiting": 2}, "ro": {"paused": True, "waiting": 2}}
    assert (proxy.rw.orders, proxy.ro.orders) == ([], [])


def test_pools_are_held_and_released(proxy):
    proxy.duties.arm(pools=BOTH, after=10)
    proxy.duties.hold(pools=BOTH, patience=5)
    assert (proxy.paused, proxy.sessions_wait, proxy.duties.held) == ([True, True], True, {"rw", "ro"})
    proxy.duties.release(pools=BOTH)
    assert (proxy.paused, proxy.sessions_wait, proxy.duties.held) == ([False, False], False, set())
    assert proxy.haproxy.session_limits["rw"] == 2000


def test_only_what_was_named_is_held(proxy):
    proxy.duties.arm(pools=["rw"], after=10)
    proxy.duties.hold(pools=["rw"], patience=5)
    assert proxy.paused == [True, False]


def test_pools_are_held_at_the_same_time(proxy):
    """The first one rests only when the second one is asked as well."""
    proxy.duties.arm(pools=BOTH, after=10)
    proxy.rw.holding.append(client())
    proxy.ro.at_pause = proxy.rw.end_transactions
    proxy.duties.hold(pools=BOTH, patience=20)
    assert proxy.paused == [True, True]


def test_a_hold_that_is_missed_releases_all_and_names_who_holds_on(proxy):
    proxy.duties.arm(pools=BOTH, after=10)
    proxy.rw.holding.append(client("late {{ x }}\n"))
    with pytest.raises(DeadlineExceeded) as caught:
        proxy.duties.hold(pools=BOTH, patience=0.05)
    assert "the pool rw did not come to rest within 0.05 s: 'web' in 'shop' from 10.0.0.7:51002" in str(caught.value)
    assert "late {{ x }}\\n" in str(caught.value)
    assert (proxy.paused, proxy.duties.held) == ([False, False], set())


def test_a_hold_that_is_missed_when_nobody_holds_on_any_more(proxy):
    proxy.duties.arm(pools=BOTH, after=10)
    proxy.rw.holding.append(client())
    proxy.rw._servers = proxy.rw._state  # has no line that is a server connection
    with pytest.raises(MatriarchError):
        proxy.duties.hold(pools=["rw"], patience=0.05)
    assert proxy.paused == [False, False]


def test_a_pooler_that_refuses_to_pause_leaves_none_held(proxy):
    proxy.duties.arm(pools=BOTH, after=10)
    proxy.ro.refused.add("PAUSE")
    with pytest.raises(RemoteError, match=r"'PAUSE' to PgBouncer at .*, port 6433: no memory"):
        proxy.duties.hold(pools=BOTH, patience=5)
    assert (proxy.paused, proxy.duties.held) == ([False, False], set())


def test_a_pool_that_is_not_there_leaves_none_held(proxy):
    proxy.duties.arm(pools=BOTH, after=10)
    with pytest.raises(MatriarchError, match=r"^this host has no pool 'x\{\{ y \}\}'; it has: rw, ro$"):
        proxy.duties.hold(pools=["rw", "x{{ y }}"], patience=5)
    assert proxy.paused == [False, False]


def test_what_is_not_paused_is_not_resumed(proxy):
    proxy.duties.release(pools=BOTH)
    assert (proxy.rw.orders, proxy.ro.orders) == ([], [])


def test_timers_are_armed_and_disarmed_for_the_named_pools(proxy):
    proxy.duties.arm(pools=BOTH, after=10.5)
    assert proxy.systemd.armed == {"matriarch-resume-rw", "matriarch-resume-ro", "matriarch-admit-rw"}
    assert all("--on-active=10500ms" in call for call in proxy.systemd.calls("systemd-run"))
    commands = [call[call.index("--") + 1 :] for call in proxy.systemd.calls("systemd-run")]
    assert commands[0][-3:] == ["admit", "rw", "2000"]
    assert [command[-1] for command in commands[1:]] == ["pgbouncer@rw.service", "pgbouncer@ro.service"]
    proxy.duties.disarm(pools=["rw"])
    assert proxy.systemd.armed == {"matriarch-resume-ro"}


def test_a_pool_that_cannot_be_resumed_keeps_its_timer_until_it_can(proxy):
    proxy.duties.arm(pools=BOTH, after=10)
    proxy.duties.hold(pools=BOTH, patience=5)
    proxy.rw.refused.add("RESUME")
    with pytest.raises(RemoteError, match="'RESUME' to PgBouncer"):
        proxy.duties.release(pools=BOTH)
    proxy.duties.disarm(pools=BOTH)
    assert (proxy.paused, proxy.systemd.armed) == ([True, False], {"matriarch-resume-rw"})
    proxy.rw.refused.clear()
    proxy.duties.release(pools=BOTH)
    proxy.duties.disarm(pools=BOTH)
    assert (proxy.paused, proxy.systemd.armed) == ([False, False], set())


def test_sessions_that_cannot_be_admitted_keep_their_timer_and_keep_no_pool(proxy):
    proxy.duties.arm(pools=BOTH, after=10)
    proxy.duties.hold(pools=BOTH, patience=5)
    proxy.haproxy.refuses_limits = True
    with pytest.raises(RemoteError, match="previously shut down"):
        proxy.duties.release(pools=BOTH)
    proxy.duties.disarm(pools=BOTH)
    assert (proxy.paused, proxy.sessions_wait) == ([False, False], True)
    assert proxy.systemd.armed == {"matriarch-admit-rw"}


def test_sessions_are_not_made_to_wait_where_somebody_else_did(proxy):
    proxy.haproxy.session_limits["rw"] = 0
    with pytest.raises(MatriarchError, match=r"lets no sessions in to its rw\. Next: systemctl reload haproxy"):
        proxy.duties.arm(pools=BOTH, after=10)
    assert proxy.systemd.armed == set()


def test_nobody_is_held_without_a_timer_for_the_sessions(proxy):
    with pytest.raises(MatriarchError, match="before it is armed"):
        proxy.duties.hold(pools=BOTH, patience=5)
    assert (proxy.paused, proxy.sessions_wait) == ([False, False], False)


def test_readers_are_sent_elsewhere_and_come_back(proxy):
    assert proxy.duties.drain(member="pg2") is True
    assert proxy.haproxy.servers["replicas", "pg2"].state == "drain"
    assert (proxy.rw.orders, proxy.ro.orders) == ([], ["RECONNECT"])
    assert (proxy.systemd.armed, proxy.duties.drained) == ({"matriarch-undrain-pg2"}, {"pg2"})
    proxy.duties.undrain(member="pg2")
    assert proxy.haproxy.servers["replicas", "pg2"].state == "ready"
    assert (proxy.systemd.armed, proxy.duties.drained) == (set(), set())
    assert proxy.orders == ["set server replicas/pg2 state drain", "set server replicas/pg2 state ready"]


def test_a_host_without_a_readers_pool_drains_all_the_same(proxy):
    proxy.duties.consoles = {"rw": proxy.duties.consoles["rw"]}
    assert proxy.duties.drain(member="pg2") is True
    assert proxy.rw.orders == []


def test_the_only_replica_is_not_drained(proxy):
    for name in ("pg1", "pg3"):
        proxy.haproxy.servers["replicas", name].up = False
    assert proxy.duties.drain(member="pg2") is False
    assert (proxy.orders, proxy.systemd.armed, proxy.duties.drained) == ([], set(), set())


def test_nobody_is_drained_without_a_timer_that_ends_it(proxy):
    proxy.systemd.refuse("systemd-run")
    with pytest.raises(RemoteError, match="arming matriarch-undrain-pg2"):
        proxy.duties.drain(member="pg2")
    assert proxy.orders == []


@pytest.mark.parametrize("member", ["a;b", "pg1\nshutdown", "{{ x }}", "../pg1", "*", ""])
def test_hostile_members_are_refused(proxy, member):
    with pytest.raises(Refused):
        proxy.duties.drain(member=member)
    with pytest.raises(Refused):
        proxy.duties.route(new=member, old=member)
    assert proxy.orders == []


def test_haproxy_is_told_who_leads(proxy):
    proxy.duties.route(new="pg2", old="pg1")
    assert proxy.orders == [
        "set server leader/pg1 health down",
        "set server leader/pg2 health up",
        "set server replicas/pg2 health down",
    ]


def test_haproxy_is_told_that_the_leader_is_back(proxy):
    proxy.duties.reopen(member="pg1")
    assert proxy.orders == ["set server leader/pg1 health up"]


def test_what_an_operation_left_is_put_back(proxy):
    proxy.duties.arm(pools=BOTH, after=10)
    proxy.duties.drain(member="pg2")
    proxy.duties.hold(pools=BOTH, patience=5)
    proxy.duties.put_back()
    assert proxy.paused == [False, False]
    assert proxy.haproxy.servers["replicas", "pg2"].state == "ready"
    assert (proxy.duties.held, proxy.duties.drained) == (set(), set())


def test_one_thing_that_cannot_be_put_back_does_not_keep_the_others(proxy):
    proxy.duties.arm(pools=BOTH, after=10)
    proxy.duties.drain(member="pg2")
    proxy.duties.drained.add("gone")
    proxy.duties.hold(pools=BOTH, patience=5)
    proxy.rw.refused.add("RESUME")
    proxy.duties.put_back()
    assert proxy.paused == [True, False]
    assert proxy.haproxy.servers["replicas", "pg2"].state == "ready"
    assert (proxy.duties.held, proxy.duties.drained) == ({"rw"}, {"gone"})


def test_nothing_to_put_back_touches_nothing(proxy):
    proxy.rw.paused = True  # by somebody else
    proxy.duties.put_back()
    assert (proxy.rw.orders, proxy.orders) == ([], [])


def test_every_duty_goes_by_its_name(proxy):
    assert set(proxy.duties.all()) == {
        "pools",
        "arm",
        "disarm",
        "hold",
        "release",
        "drain",
        "undrain",
        "route",
        "reopen",
    }
    assert all(duty.__name__ == name for name, duty in proxy.duties.all().items())
