# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
from typing import Any, cast

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.held_request import Unsent
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import Accepted
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    NobodyAnswered,
    Refused,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations import crew as crew_of_agents
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations import switchover
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations.crew import Crew
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations.switchover import Switchover, Way
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.switchover import (
    Evidence,
    Limits,
    plan_switchover,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.agents import FLUSHED, FakeAgents
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import member

HOSTS = ("pg1", "pg2", "pg3")
CONNECTED, SENT = ("patroni", "connect"), ("patroni", "switchover")
WAY = Way(hold_seconds=5.0, drain_seconds=1.0)
SOON = Way(hold_seconds=0.02, drain_seconds=1.0)
"""For clusters in which the candidate is not writable while clients are held."""

BEFORE = [
    ("pg1", "checkpoint"), ("pg2", "checkpoint"), *((host, "drain") for host in HOSTS),
    *((host, "arm") for host in HOSTS), ("pg1", "mark"), *((host, "hold") for host in HOSTS),
    ("pg1", "flushed"), ("pg2", "await_flushed"),
]  # fmt: skip
MEANWHILE = [
    ("pg2", "await_cut_off"),
    ("pg2", "await_writable"),
    *((host, "route") for host in HOSTS),
    ("pg2", "await_synchronous_standby"),
]
AFTER = [
    *((host, "release") for host in HOSTS), ("pg1", "unmark"), *((host, "undrain") for host in HOSTS),
    *((host, "disarm") for host in HOSTS),
]  # fmt: skip
QUIETLY = [("pg3", "follow"), *AFTER]
"""What the agents or Patroni make good themselves when it fails."""


def state(leader: str | None, *more: dict[str, Any], streams: str = "streaming") -> ClusterState:
    """Three members, of whom the last that does not lead is synchronous."""
    timeline = 3 if leader == "pg1" else 4
    followers = [name for name in HOSTS if name != leader]
    members = [member(name, state=streams, timeline=timeline) for name in followers]
    members[0]["role"] = "sync_standby"
    if leader:
        members.append(member(leader, "leader", timeline=timeline))
    return ClusterState.from_json({"members": [*members, *more]})


OLD, NEW = state("pg1"), state("pg2")


class PassingTime:
    """A clock for which waiting costs nothing."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def agents(monkeypatch):
    def wait(*arguments, **options):
        return wait_until(*arguments, **options, clock=PassingTime())

    fake = FakeAgents(*HOSTS)
    monkeypatch.setattr(crew_of_agents, "Channel", fake.channel)
    monkeypatch.setattr(switchover, "wait_until", wait)
    return fake


class Run:
    """One switchover from pg1 to pg2 with these agents; `seen` is what Patroni tells from look to look."""

    def __init__(self, agents, way=WAY, seen=(NEW,), before=OLD, proxies=HOSTS):
        self.agents, self.way, self.proxies = agents, way, proxies
        self.plan = plan_switchover(Evidence(before), "pg2", Limits())
        self.seen = itertools.chain(seen, itertools.repeat(seen[-1]))
        self.left_in_the_end: Any = None
        self.switchover: Switchover

    def cluster(self):
        seen = next(self.seen)
        if isinstance(seen, Exception):
            raise seen
        return seen

    def __call__(self):
        addresses = dict.fromkeys(self.agents.hosts, "10.0.0.1")
        with Crew(addresses, 8010, cast(Any, None)) as crew:
            self.switchover = Switchover(self.plan, crew, self.way, self.proxies, cast(Any, self.agents))
            return self.switchover.run(self.cluster)

    def expect(self, kind):
        """The error that it ends with, of exactly this kind; whatever it was, nothing of the operation is left."""
        with pytest.raises(MatriarchError) as caught:
            self()
        assert caught.type is kind
        assert self.agents.left_behind() == {}
        assert not any(host.armed for host in self.agents.hosts.values())
        return str(caught.value)


def refusal(status, words):
    def refuse():
        url = "https://pg1:8008"
        message = f"POST /switchover on {url}: HTTP {status}: {words}"
        raise RemoteError(message, url=url, reason=words, status=status, answer=words)

    return refuse


def test_leadership_changes_hands(agents):
    run = Run(agents)
    assert run() is NEW
    assert sorted(agents.asked) == sorted([*BEFORE, CONNECTED, SENT, *MEANWHILE, ("pg3", "follow"), *QUIETLY])
    assert agents.left_behind() == {}
    assert {host.routed for host in agents.hosts.values()} == {"pg2"}
    assert [agents.hosts[name].follows for name in HOSTS] == ["", "", "pg2"]
    assert (run.switchover.is_led, run.switchover.warnings) == (True, [])


def test_everything_has_its_order(agents):
    Run(agents)()
    order = [
        "checkpoint", "drain", "connect", "arm", "mark", "hold", "flushed", "await_flushed", "switchover",
        "await_cut_off", "await_writable", "route", "await_synchronous_standby", "release", "unmark", "undrain",
        "disarm",
    ]  # fmt: skip
    for before, after in itertools.pairwise(order):
        assert max(agents.times(before)) < min(agents.times(after)), f"{before} comes before {after}"
    first, again = agents.times("follow")
    assert first > max(agents.times("await_cut_off"))
    assert again > max(agents.times("await_writable"))
    assert agents.held_without_a_timer == []


def test_what_the_agents_are_told(agents):
    Run(agents)()
    told = agents.told
    assert told["pg2", "await_flushed"] == {"position": FLUSHED, "patience": 2.5}
    assert told["pg3", "follow"] == {"host": "pg2", "port": 5432}
    assert told["pg1", "route"] == {"new": "pg2", "old": "pg1"}
    assert told["pg1", "hold"] == {"pools": ["rw"], "patience": 1.0}
    assert told["pg1", "drain"] == told["pg1", "undrain"] == {"member": "pg2"}
    assert told["pg1", "arm"]["after"] > WAY.drain_seconds + WAY.hold_seconds
    assert told["pg1", "mark"]["lasting"] == WAY.drain_seconds + WAY.hold_seconds
    assert told["pg2", "await_synchronous_standby"]["patience"] <= 2.0


def test_phases_are_told(agents):
    run = Run(agents)
    run()
    assert list(run.switchover.phases.milliseconds) == [
        "checkpoint", "prepare", "drain", "flush", "stop", "promote", "route", "follow", "resume", "total_pause",
        "settle",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("way", "before", "never"),
    [
        (Way(hold=False), OLD, {"arm", "hold", "release", "disarm"}),
        (Way(hasten=False), OLD, {"mark"}),
        (Way(follow=False), OLD, {"follow"}),
        (Way(), ClusterState.from_json({"members": [member("pg1", "leader"), member("pg2"), member("pg3")]}),
         {"await_synchronous_standby"}),
    ],
)  # fmt: skip
def test_what_is_not_wished_or_not_needed_is_not_done(agents, way, before, never):
    run = Run(agents, way, before=before)
    assert run() is NEW
    asked = {duty for _host, duty in agents.asked}
    assert {duty for _host, duty in [*BEFORE, SENT, *MEANWHILE, *QUIETLY]} - asked == never


def test_readers_that_cannot_go_elsewhere_on_one_proxy_are_held_on_all(agents):
    agents.faults["pg3", "drain"] = False
    Run(agents)()
    for duty in ("arm", "hold", "release", "disarm"):
        assert [agents.told[host, duty]["pools"] for host in HOSTS] == [["rw", "ro"]] * 3
    assert agents.left_behind() == {}


def test_only_the_named_hosts_are_proxies(agents):
    Run(agents, proxies=["pg3", "pg9"])()
    assert {host for host, duty in agents.asked if duty in ("hold", "route", "release")} == {"pg3"}


@pytest.mark.parametrize("status", [400, 403, 412, 422])
def test_a_refusal_of_patronis_lets_clients_go_at_once(agents, status):
    agents.outcome = refusal(status, "candidate does not exists")
    run = Run(agents, Way(hold_seconds=20.0), seen=(OLD,))
    told = run.expect(Refused)
    assert run.switchover.phases.milliseconds["total_pause"] < 10_000
    assert told.startswith(f"Nothing was changed. POST /switchover on https://pg1:8008: HTTP {status}: candidate does")
    assert "route" not in {duty for _host, duty in agents.asked}


def test_a_refusal_that_comes_after_clients_were_let_go_is_a_refusal(agents):
    agents.silent.add("pg2")  # nobody sees the candidate, so nobody is held for it
    agents.outcome = refusal(412, "candidate does not exists")
    assert Run(agents, seen=(OLD,)).expect(Refused).startswith("Nothing was changed. POST /switchover")


def test_status_unknown_and_then_the_candidate_leads(agents):
    agents.outcome = refusal(503, "Switchover status unknown")
    run = Run(agents, SOON, seen=(OLD, OLD, state(None), state("pg2", streams="starting"), NEW))
    assert run() is NEW
    assert not run.switchover.is_led
    assert agents.left_behind() == {}


def test_status_unknown_and_the_old_leader_stays_says_that_it_may_still_happen(agents):
    agents.outcome = refusal(503, "Switchover status unknown")
    told = Run(agents, SOON, seen=(OLD,)).expect(DeadlineExceeded)
    assert "pg1 leads; Patroni's answer: POST /switchover on https://pg1:8008: HTTP 503" in told
    assert "The request stands, and Patroni may still carry it out. Next: " in told


def test_an_old_leader_that_leads_again_is_told(agents):
    agents.outcome = lambda: Accepted(200, 'Successfully switched over to "pg2"')
    told = Run(agents, SOON, seen=(OLD,)).expect(MatriarchError)
    assert told.startswith('pg1 leads; Patroni\'s answer: Successfully switched over to "pg2"; so leadership has gone')


def test_when_patroni_says_that_it_failed_nobody_waits_for_what_will_not_come(agents):
    agents.outcome = refusal(503, "Switchover failed")
    told = Run(agents, SOON, seen=(OLD, NEW)).expect(Refused)
    assert "pg1 leads; Patroni's answer: POST /switchover on https://pg1:8008: HTTP 503: Switchover failed" in told


def test_a_request_without_an_answer_may_have_been_heard(agents):
    def hang_up():
        raise RemoteError("POST /switchover on https://pg1:8008: closed", reason="closed")

    agents.outcome = hang_up
    assert Run(agents, SOON, seen=(OLD, OLD, NEW))() is NEW


LONG = Way(hold_seconds=20.0)
RESET = RemoteError("POST /switchover on https://pg1:8008: reset by peer", reason="reset by peer")
CLOSED = Unsent("POST /switchover on https://pg1:8008: it hung up before it was asked", reason="it hung up")


def raising(error):
    def fail():
        raise error

    return fail


def test_nobody_is_held_for_a_request_that_was_hung_up_on(agents):
    agents.outcome = raising(RESET)
    run = Run(agents, LONG, seen=(OLD, OLD, NEW))
    assert run() is NEW
    assert run.switchover.phases.milliseconds["total_pause"] < 10_000
    assert "await_writable" not in {duty for _host, duty in agents.asked}


def test_a_leader_that_stops_is_waited_out_although_its_patroni_hung_up(agents):
    def stop_and_die():
        agents.hand_over()
        raise RESET

    agents.outcome = stop_and_die
    run = Run(agents, LONG, seen=(OLD, NEW))
    assert run() is NEW
    assert run.switchover.is_led


def test_clients_are_held_for_a_handover_whose_end_patroni_does_not_know(agents):
    agents.outcome = refusal(503, "Switchover status unknown")
    run = Run(agents, SOON, seen=(OLD, NEW))
    run()
    assert run.switchover.phases.milliseconds["total_pause"] >= SOON.hold_seconds * 1000


@pytest.mark.parametrize("silent", [(), ("pg2",)], ids=["seen", "not seen"])
def test_a_request_that_was_not_sent_has_changed_nothing(agents, silent):
    agents.silent.update(silent)
    agents.outcome = raising(CLOSED)
    run = Run(agents, LONG, seen=(OLD,))
    assert run.expect(Refused).startswith(f"Nothing was changed. {CLOSED}. Next: ")
    assert run.switchover.phases.milliseconds["total_pause"] < 10_000


def test_a_patroni_that_does_not_listen_ends_it_before_anybody_is_held(agents, monkeypatch):
    monkeypatch.setattr(agents, "connect", raising(RESET))
    assert Run(agents, seen=(OLD,)).expect(RemoteError) == str(RESET)
    assert agents.times("hold") == []


def test_who_leads_instead_is_named(agents):
    agents.outcome = lambda: Accepted(200, 'Switched over to "pg3" instead of "pg2"')
    told = Run(agents, SOON, seen=(OLD, state("pg3"))).expect(MatriarchError)
    assert told.startswith('pg3 leads now instead of pg2; Patroni\'s answer: Switched over to "pg3" instead of "pg2"')


def test_a_candidate_that_takes_too_long_lets_clients_go_and_is_watched(agents):
    agents.outcome = lambda: Accepted(200, 'Successfully switched over to "pg2"')
    run = Run(agents, SOON, seen=(OLD, state(None), NEW))
    assert run() is NEW
    assert {"route", "follow"} & {duty for _host, duty in agents.asked} == set()
    assert max(agents.times("await_cut_off")) < min(agents.times("release"))
    assert run.switchover.phases.milliseconds["total_pause"] >= run.way.hold_seconds * 1000


def test_a_pooler_that_does_not_rest_ends_the_attempt(agents):
    agents.faults["pg2", "hold"] = DeadlineExceeded("pg2: the pool rw did not come to rest within 1 s: 'web' in 'shop'")
    told = Run(agents).expect(Refused)
    assert told.startswith("Nothing was changed. pg2: the pool rw did not come to rest within 1 s: 'web' in 'shop'")
    assert "Next: end these transactions" in told
    assert SENT not in agents.asked


def test_a_candidate_that_does_not_catch_up_ends_the_attempt(agents):
    agents.faults["pg2", "await_flushed"] = DeadlineExceeded("pg2: waited 5 s in vain until 9 is flushed; seen last: 8")
    told = Run(agents).expect(Refused)
    assert told.startswith("Nothing was changed. pg2: waited 5 s in vain until 9 is flushed")
    assert SENT not in agents.asked


def test_no_standby_that_streams_in_time_only_ends_the_waiting(agents):
    agents.faults["pg2", "await_synchronous_standby"] = DeadlineExceeded("pg2: waited 2 s in vain")
    run = Run(agents)
    assert run() is NEW
    assert run.switchover.warnings == []


@pytest.mark.parametrize("silent", ["pg1", "pg2"])
def test_a_silent_member_that_was_accepted(agents, silent):
    agents.silent.add(silent)
    assert Run(agents, seen=(OLD, NEW))() is NEW
    assert "flushed" not in {duty for _host, duty in agents.asked}
    assert ("pg2", "await_writable") in agents.asked or silent == "pg2"


def test_that_nobody_can_tell_for_a_moment_is_waited_out(agents):
    assert Run(agents, seen=(NobodyAnswered({"https://pg1:8008": "HTTP 503"}), OLD, NEW))() is NEW


def test_that_nobody_can_tell_who_leads_is_told(agents):
    told = Run(agents, seen=(NobodyAnswered({"https://pg1:8008": "HTTP 503"}),)).expect(DeadlineExceeded)
    assert "60 s after the handover to pg2: none of 1 servers answered: https://pg1:8008: HTTP 503. Next: " in told


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (state(None), "the cluster has no leader"),
        (state("pg2", streams="starting"), "pg1 (sync_standby, timeline 4) is starting"),
        (ClusterState.from_json({"members": [member("pg2", "leader"), member("pg1"), member("pg3")]}),
         "no synchronous standby is connected"),
        (ClusterState.from_json({"members": [member("pg2", "leader"), member("pg3", "sync_standby")]}),
         "pg1 is not a member"),
    ],
)  # fmt: skip
def test_a_cluster_that_does_not_become_whole_is_described(agents, seen, told):
    answer = Run(agents, seen=(seen,)).expect(DeadlineExceeded)
    assert answer.startswith("60 s after the handover to pg2: ")
    assert told in answer
    assert answer.endswith("Next: ansible-playbook status.yml")


def test_who_was_broken_before_is_not_waited_for(agents):
    broken = member("pg4", state="start failed", timeline=2)
    seen = state("pg2", broken)
    assert Run(agents, before=state("pg1", broken), seen=(seen,))() is seen


def test_an_old_view_of_the_cluster_is_not_believed_when_the_candidate_was_seen_to_lead(agents):
    def hand_over_and_be_unsure():
        agents.hand_over()
        return refusal(503, "Switchover failed")()

    agents.outcome = hand_over_and_be_unsure
    assert Run(agents, seen=(OLD, OLD, OLD, NEW))() is NEW


@pytest.mark.parametrize("how", ["refuses", "answer is lost", "dies"])
@pytest.mark.parametrize("point", [*BEFORE, *MEANWHILE, *QUIETLY], ids=" ".join)
def test_interrupted_at_every_point(agents, point, how):
    """An agent that fails before anything is sent ends it; later it is Patroni's doing, and it only costs time."""
    agents.fails = (point, how)
    run = Run(agents)
    if point in BEFORE:
        with pytest.raises(RemoteError, match=f"^{point[1]} at the agent of {point[0]}: "):
            run()
        assert SENT not in agents.asked
    else:
        assert run() is NEW
        routes_later = how == "dies" and point == ("pg3", "follow")
        assert bool(run.switchover.warnings) == (point in MEANWHILE or routes_later)
        assert all(point[0] in warning for warning in run.switchover.warnings)
    assert agents.left_behind() == {}
    assert agents.held_without_a_timer == []
    assert not any(host.armed for name, host in agents.hosts.items() if name != point[0])
    assert ("pg1", "unmark") in agents.asked
    for duty in ("undrain", "disarm", *(["release"] if agents.times("hold") else [])):
        assert {host for host, asked in agents.asked if asked == duty} == set(HOSTS)


@pytest.mark.parametrize("way", [WAY, Way(hold=False)], ids=["held", "not held"])
def test_a_fault_in_the_operation_itself_leaves_nothing_behind(agents, way):
    def fault():
        raise ZeroDivisionError

    run = Run(agents, way)
    run.cluster = fault  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        run()
    assert agents.left_behind() == {}
    assert not any(host.armed for host in agents.hosts.values())
