# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from ansible_collections.matriarch.pgcluster.plugins.modules import patroni_cluster_info
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule
from ansible_collections.matriarch.pgcluster.tests.unit.fakes import report as fake
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd import FakeEtcd
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import FakePatroni, member
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import Reply

CLOSED = "http://127.0.0.1:1"


@pytest.fixture
def patroni() -> Iterator[FakePatroni]:
    fake = FakePatroni()
    yield fake
    fake.server.stop()


@pytest.fixture
def etcd() -> Iterator[FakeEtcd]:
    cluster = FakeEtcd.of("pg1", "pg2", "pg3")
    yield cluster
    cluster.stop_all()


def test_the_cluster_is_shown(patroni: FakePatroni, run_module: RunModule) -> None:
    answer = run_module(patroni_cluster_info, urls=[patroni.url], check_mode=True)
    assert not answer["changed"]
    assert answer["healthy"]
    assert answer["problems"] == answer["unanswered"] == answer["unexpected"] == []
    assert answer["cluster"]["leader"] == "pg1"
    assert answer["cluster"]["timeline"] == 3
    assert [m["role"] for m in answer["cluster"]["members"]] == ["leader", "sync_standby", "replica"]


def test_the_next_url_answers_for_a_dead_one(patroni: FakePatroni, run_module: RunModule) -> None:
    answer = run_module(patroni_cluster_info, urls=[CLOSED, patroni.url + "/"], wait_for="healthy", wait_timeout=0)
    assert answer["healthy"]
    assert [silent["url"] for silent in answer["unanswered"]] == [CLOSED]
    assert "refused" in answer["unanswered"][0]["reason"]


def test_where_nobody_answers_this_is_the_finding(run_module: RunModule) -> None:
    answer = run_module(patroni_cluster_info, urls=[CLOSED])
    assert not {"failed", "unreachable"} & answer.keys()  # words that Ansible takes for itself
    assert answer["cluster"] is None
    assert not answer["healthy"]
    assert "none of 1 servers answered" in answer["problems"][0]


def test_a_member_beyond_the_expected_is_named_but_not_judged(patroni: FakePatroni, run_module: RunModule) -> None:
    patroni.members[2]["state"] = "stopped"
    answer = run_module(patroni_cluster_info, urls=[patroni.url], members=["pg1", "pg2"])
    assert answer["healthy"]
    assert answer["unexpected"] == ["pg3"]


def test_a_wait_in_vain_ends_in_time_and_names_states_and_silent_hosts(
    patroni: FakePatroni, run_module: RunModule
) -> None:
    patroni.members[2]["state"] = "starting"
    start = time.monotonic()
    answer = run_module(
        patroni_cluster_info,
        urls=[CLOSED, patroni.url],
        members=["pg1", "pg2", "pg3", "pg4"],
        wait_for="healthy",
        wait_timeout=0.2,
    )
    assert time.monotonic() - start < 3
    assert answer["failed"]
    for words in (
        " s in vain until the cluster is healthy",
        "pg3 (replica, timeline 3) is starting",
        "pg4 is not a member",
        "pg1 (leader, timeline 3) is running",
        f"{CLOSED} did not answer: ",
        "journalctl -u patroni",
    ):
        assert words in answer["msg"]
    assert answer["cluster"]["members"][2]["state"] == "starting"


def test_a_wait_in_vain_for_a_cluster_that_does_not_answer_says_why(run_module: RunModule) -> None:
    answer = run_module(patroni_cluster_info, urls=[CLOSED], wait_for="leader", wait_timeout=0)
    assert answer["failed"]
    assert answer["msg"].count("none of 1 servers answered") == 1
    assert "refused" in answer["msg"]


def test_a_wait_for_another_leader_is_not_content_with_the_former_one(
    patroni: FakePatroni, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    patroni.members = [member("pg1", "leader"), member("pg2")]
    after = [member("pg1"), member("pg2", "leader")]
    monkeypatch.setattr(time, "sleep", lambda _seconds: setattr(patroni, "members", after))
    wish = {"urls": [patroni.url], "wait_for": "leader", "former_leader": "pg1"}
    assert run_module(patroni_cluster_info, **wish, wait_timeout=30)["cluster"]["leader"] == "pg2"
    assert run_module(patroni_cluster_info, **{**wish, "former_leader": "pg2"}, wait_timeout=0)["failed"]


def test_a_wait_meets_what_happens_meanwhile(
    patroni: FakePatroni, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    patroni.members = [member("pg1", "leader", state="starting")]
    monkeypatch.setattr(time, "sleep", lambda _seconds: patroni.members.__setitem__(0, member("pg1", "leader")))
    answer = run_module(patroni_cluster_info, urls=[patroni.url], wait_for="leader", wait_timeout=30)
    assert answer["healthy"]
    assert len(patroni.server.calls) == 2


@pytest.fixture
def course(patroni: FakePatroni, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The states that pg3 has, one after another."""
    states: list[str] = []
    monkeypatch.setattr(time, "sleep", lambda _seconds: patroni.members[2].update(state=states.pop(0)))
    return states


CLONED, ALL = "creating replica", ["pg1", "pg2", "pg3"]


def test_a_clone_has_its_own_time(patroni: FakePatroni, run_module: RunModule, course: list[str]) -> None:
    patroni.members[2]["state"] = CLONED
    course += [CLONED, CLONED, "streaming"]
    wish = {"urls": [patroni.url], "wait_for": "healthy", "wait_timeout": 0, "members": ALL}
    assert "The cloning of pg3 goes on" in run_module(patroni_cluster_info, **wish)["msg"]
    assert run_module(patroni_cluster_info, **wish, clone_timeout=30)["healthy"]
    assert course == []


def test_after_a_clone_the_wait_begins_anew(patroni: FakePatroni, run_module: RunModule, course: list[str]) -> None:
    course += [CLONED, "starting", CLONED, "starting", "starting", "streaming"]
    patroni.members[2]["state"] = "stopped"
    wish = {"urls": [patroni.url], "wait_for": "healthy", "members": ALL}
    assert run_module(patroni_cluster_info, **wish, wait_timeout=30, clone_timeout=30)["healthy"]
    patroni.members[2]["state"] = CLONED
    course += ["starting"]
    answer = run_module(patroni_cluster_info, **wish, wait_timeout=0, clone_timeout=30)
    assert "pg3 (replica, timeline 3) is starting" in answer["msg"]
    assert "cloning" not in answer["msg"]


def test_a_clone_that_takes_too_long_goes_on(patroni: FakePatroni, run_module: RunModule) -> None:
    patroni.members[2]["state"] = CLONED
    wish = {"urls": [patroni.url], "wait_for": "healthy", "members": ALL}
    start = time.monotonic()
    answer = run_module(patroni_cluster_info, **wish, wait_timeout=30, clone_timeout=0.2)
    assert time.monotonic() - start < 3
    assert answer["failed"]
    assert "The cloning of pg3 goes on; once it has ended, do this again" in answer["msg"]


def test_nothing_but_a_clone_has_its_time(patroni: FakePatroni, run_module: RunModule) -> None:
    patroni.members[1]["state"] = "starting"
    wish = {"urls": [patroni.url], "wait_for": "healthy", "wait_timeout": 0, "clone_timeout": 60}
    assert run_module(patroni_cluster_info, **wish)["failed"]
    patroni.members[2]["state"] = CLONED
    assert run_module(patroni_cluster_info, **wish, members=["pg1", "pg2"])["failed"]


def test_a_leader_is_not_kept_waiting_by_a_clone(patroni: FakePatroni, run_module: RunModule) -> None:
    patroni.members[2]["state"] = CLONED
    answer = run_module(patroni_cluster_info, urls=[patroni.url], wait_for="leader", wait_timeout=0, clone_timeout=60)
    assert answer["cluster"]["leader"] == "pg1"


@pytest.mark.parametrize(
    ("members", "reached"),
    [
        ([member("pg1", "leader"), member("pg2", state="starting")], True),
        ([member("pg1", "leader", state="starting")], False),
        ([member("pg1")], False),
        ([], False),
    ],
)
def test_a_wait_for_the_leader_looks_at_the_leader_alone(
    patroni: FakePatroni, run_module: RunModule, members: list[dict[str, object]], reached: bool
) -> None:
    patroni.members = members
    answer = run_module(patroni_cluster_info, urls=[patroni.url], wait_for="leader", wait_timeout=0)
    assert answer.get("failed", False) is not reached


def test_a_missing_synchronous_standby_is_waited_for(patroni: FakePatroni, run_module: RunModule) -> None:
    patroni.members[1]["role"] = "replica"
    asked = {"urls": [patroni.url], "wait_for": "healthy", "wait_timeout": 0}
    assert not run_module(patroni_cluster_info, **asked).get("failed")
    assert "no synchronous standby" in run_module(patroni_cluster_info, synchronous=True, **asked)["msg"]


def test_hostile_names_come_through_as_they_are(patroni: FakePatroni, run_module: RunModule) -> None:
    name = "{{ 1 + 1 }}'\"\n$(reboot)ä"
    patroni.members = [member(name, "leader")]
    assert run_module(patroni_cluster_info, urls=[patroni.url])["cluster"]["leader"] == name


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"members": 7}', b'{"members": [{"state": "running"}]}'])
def test_nonsense_is_no_answer(patroni: FakePatroni, run_module: RunModule, body: bytes) -> None:
    patroni.replies["GET", "/cluster"] = Reply(body)
    answer = run_module(patroni_cluster_info, urls=[patroni.url])
    assert answer["cluster"] is None
    assert [silent["url"] for silent in answer["unanswered"]] == [patroni.url]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"urls": []}, "'urls' is empty"),
        ({"urls": [CLOSED], "timeout": 0}, "must be more than 0 seconds"),
        ({"urls": [CLOSED], "client_key": "/x"}, "client_cert"),
    ],
)
def test_options_that_cannot_work_are_refused(run_module: RunModule, options: dict[str, object], reason: str) -> None:
    answer = run_module(patroni_cluster_info, **options)
    assert answer["failed"]
    assert reason in answer["msg"]


HISTORY = [
    [1, 25623960, "no recovery target specified"],
    [2, 83886176, "no recovery target specified", "2026-11-01T16:57:57+02:00", "pg1"],
]


@pytest.mark.parametrize(("count", "timelines"), [(0, []), (1, [2]), (5, [1, 2])])
def test_as_much_history_as_asked_for(
    patroni: FakePatroni, run_module: RunModule, count: int, timelines: list[int]
) -> None:
    patroni.replies["GET", "/history"] = Reply(HISTORY)
    told = run_module(patroni_cluster_info, urls=[patroni.url], history=count)["cluster"]["history"]
    assert [end["timeline"] for end in told] == timelines
    if told:
        assert (told[-1]["lsn"], told[-1]["new_leader"]) == ("0/5000060", "pg1")


@pytest.mark.parametrize("reply", [Reply(b"<html>", 404, "text/html"), Reply({}), Reply([[1]])])
def test_a_cluster_without_a_history_is_a_cluster(patroni: FakePatroni, run_module: RunModule, reply: Reply) -> None:
    patroni.replies["GET", "/history"] = reply
    answer = run_module(patroni_cluster_info, urls=[patroni.url], history=5)
    assert answer["healthy"]
    assert answer["cluster"]["history"] == []


def test_nothing_is_judged_unless_the_whole_is_asked_for(patroni: FakePatroni, run_module: RunModule) -> None:
    answer = run_module(patroni_cluster_info, urls=[patroni.url])
    assert not {"verdict", "reasons", "etcd", "proxies", "sync"} & answer.keys()


def test_the_whole_of_a_healthy_cluster(patroni: FakePatroni, etcd: FakeEtcd, run_module: RunModule) -> None:
    patroni.config |= {"synchronous_mode": "quorum", "synchronous_mode_strict": True}
    patroni.members[1]["role"] = "quorum_standby"
    hosts = fake.hosts(pg2=fake.report(postgres=fake.postgres(replay_lag_seconds=0.25)))
    answer = run_module(
        patroni_cluster_info, urls=[patroni.url], etcd_urls=etcd.urls, hosts=hosts, synchronous=True, check_mode=True
    )
    assert (answer["changed"], answer["verdict"], answer["reasons"]) == (False, "stable", [])
    assert answer["sync"] == {"mode": "quorum", "strict": True, "standbys": ["pg2"]}
    assert answer["etcd"]["leader"] == "pg1"
    assert [m["lag_seconds"] for m in answer["cluster"]["members"]] == [None, 0.25, 0]
    assert answer["proxies"]["pg3"] == fake.servers("pg1")
    assert answer["poolers"]["pg1"]["rw"]["clients_active"] == 4
    assert answer["certificates"]["pg1"][0]["days_left"] == 300
    assert answer["instances"]["pg1"]["in_recovery"] is False
    assert answer["silent_hosts"] == []


def test_dead_hosts_are_reasons(patroni: FakePatroni, etcd: FakeEtcd, run_module: RunModule) -> None:
    etcd.stop("pg3")
    answer = run_module(
        patroni_cluster_info, urls=[CLOSED, patroni.url], etcd_urls=etcd.urls, hosts=fake.hosts(pg3=None)
    )
    assert (answer["verdict"], answer["silent_hosts"]) == ("degraded", ["pg3"])
    assert {reason["subject"] for reason in answer["reasons"]} == {"pg3"}
    assert answer["reasons"][0] == {
        "severity": "degraded",
        "subject": "pg3",
        "problem": "the host does not answer",
        "next": "bring it back, then ansible-playbook site.yml --limit pg3",
    }


def test_hosts_name_the_members_that_there_shall_be(patroni: FakePatroni, run_module: RunModule) -> None:
    patroni.members.pop()
    asked = {"urls": [patroni.url], "hosts": fake.hosts()}
    missing = run_module(patroni_cluster_info, **asked)["reasons"]
    assert [(each["subject"], each["problem"]) for each in missing] == [("pg3", "it is not a member of the cluster")]
    assert run_module(patroni_cluster_info, members=["pg1", "pg2"], **asked)["verdict"] == "stable"


def test_with_every_server_silent_there_is_a_verdict(run_module: RunModule) -> None:
    answer = run_module(patroni_cluster_info, urls=[CLOSED], etcd_urls=[CLOSED], hosts=fake.hosts(pg1=None))
    assert not answer.get("failed")
    assert (answer["cluster"], answer["etcd"], answer["verdict"]) == (None, None, "critical")
    assert answer["sync"] == {"mode": None, "strict": False, "standbys": []}
    assert [each["subject"] for each in answer["reasons"] if each["severity"] == "critical"] == ["etcd", "cluster"]


def test_without_etcd_the_hosts_are_judged(patroni: FakePatroni, run_module: RunModule) -> None:
    answer = run_module(patroni_cluster_info, urls=[patroni.url], hosts=fake.hosts())
    assert (answer["verdict"], answer["etcd"]) == ("stable", None)


def test_a_limit_that_is_given_counts_and_the_others_stay(patroni: FakePatroni, run_module: RunModule) -> None:
    waiting = fake.report(poolers={"rw": fake.pooler(clients_waiting=3)}, certificates=[fake.certificate(29)])
    hosts = fake.hosts(pg2=waiting)
    for limits, problems in (({}, 1), ({"waiting_clients": 2}, 2), ({"waiting_clients": 2, "certificate_days": 9}, 1)):
        answer = run_module(patroni_cluster_info, urls=[patroni.url], hosts=hosts, limits=limits)
        assert len(answer["reasons"]) == problems


def test_what_is_no_report_is_refused(patroni: FakePatroni, run_module: RunModule) -> None:
    answer = run_module(patroni_cluster_info, urls=[patroni.url], hosts={"pg1": {"report": {"poolers": 7}}})
    assert answer["failed"]
    assert "reports of host_status" in answer["msg"]
