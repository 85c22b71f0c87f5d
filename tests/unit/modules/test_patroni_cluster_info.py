# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from ansible_collections.matriarch.pgcluster.plugins.modules import patroni_cluster_info
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import FakePatroni, member
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import Reply

CLOSED = "http://127.0.0.1:1"


@pytest.fixture
def patroni() -> Iterator[FakePatroni]:
    fake = FakePatroni()
    yield fake
    fake.server.stop()


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
        "waited 0 s in vain until the cluster is healthy",
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


def test_a_wait_meets_what_happens_meanwhile(
    patroni: FakePatroni, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    patroni.members = [member("pg1", "leader", state="starting")]
    monkeypatch.setattr(time, "sleep", lambda _seconds: patroni.members.__setitem__(0, member("pg1", "leader")))
    answer = run_module(patroni_cluster_info, urls=[patroni.url], wait_for="leader", wait_timeout=30)
    assert answer["healthy"]
    assert len(patroni.server.calls) == 2


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
