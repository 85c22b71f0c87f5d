# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.modules import patroni_config
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import FakePatroni
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import Reply

CLOSED = "http://127.0.0.1:1"


@pytest.fixture
def patroni() -> Iterator[FakePatroni]:
    fake = FakePatroni()
    yield fake
    fake.server.stop()


def parameters(**values: Any) -> dict[str, Any]:
    return {"postgresql": {"parameters": values}}


def test_declare_predict_change_then_find_nothing_to_do(patroni: FakePatroni, run_module: RunModule) -> None:
    wish = {"urls": [CLOSED, patroni.url], "config": {"ttl": 40, **parameters(work_mem="8MB")}, "wait_timeout": 1}
    predicted = run_module(patroni_config, check_mode=True, **wish)
    assert patroni.server.asked("PATCH") == []
    done, again = run_module(patroni_config, **wish), run_module(patroni_config, **wish)
    assert [answer["changed"] for answer in (predicted, done, again)] == [True, True, False]
    assert predicted["patch"] == done["patch"] == patroni.server.asked("PATCH")[0].body == {"ttl": 40}
    assert predicted["diff"] == done["diff"]
    assert (done["diff"]["before"]["ttl"], done["diff"]["after"]["ttl"]) == (30, 40)
    assert done["config"] == again["config"] == patroni.config
    assert len(patroni.server.asked("PATCH")) == 1


def test_drift_is_purged_when_asked(patroni: FakePatroni, run_module: RunModule) -> None:
    wish = {"urls": [patroni.url], "config": parameters(max_connections=100), "wait_timeout": 0}
    assert not run_module(patroni_config, **wish)["changed"]
    assert run_module(patroni_config, purge_parameters=True, **wish)["patch"] == parameters(work_mem=None)
    assert patroni.config["postgresql"]["parameters"] == {"max_connections": 100}


def test_members_that_need_a_restart_are_reported_and_not_restarted(
    patroni: FakePatroni, run_module: RunModule
) -> None:
    patroni.restart_wanted_for = {"max_connections"}
    wish = {"urls": [patroni.url], "config": parameters(max_connections=200), "wait_timeout": 5}
    assert run_module(patroni_config, **wish)["pending_restart"] == ["pg1", "pg2", "pg3"]
    assert run_module(patroni_config, **wish)["pending_restart"] == ["pg1", "pg2", "pg3"]
    assert patroni.server.asked("POST") == []


def test_a_member_that_shows_the_old_configuration_for_a_while_is_waited_for(
    patroni: FakePatroni, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    patroni_patch = patroni._patch_config

    def patch_then_be_stale(patch: dict[str, Any]) -> Reply:
        reply = patroni_patch(patch)
        patroni.stale_reads = 2
        return reply

    monkeypatch.setattr(patroni, "_patch_config", patch_then_be_stale)
    answer = run_module(patroni_config, urls=[patroni.url], config={"ttl": 40}, wait_timeout=5)
    assert answer["changed"]
    assert patroni.stale_reads == 0
    assert answer["config"]["ttl"] == 40


def test_an_accepted_change_that_does_not_show_is_a_failure(patroni: FakePatroni, run_module: RunModule) -> None:
    patroni.replies["PATCH", "/config"] = Reply({"ttl": 40})
    answer = run_module(patroni_config, urls=[patroni.url], config={"ttl": 40}, wait_timeout=0)
    assert answer["failed"]
    assert f"PATCH /config on {patroni.url} was accepted, but" in answer["msg"]
    assert answer["config"]["ttl"] == 30


@pytest.mark.parametrize("status", [400, 401, 403, 409, 503])
def test_a_refused_change_is_a_failure(patroni: FakePatroni, run_module: RunModule, status: int) -> None:
    patroni.replies["PATCH", "/config"] = Reply(b"said the server", status, "text/plain")
    answer = run_module(patroni_config, urls=[patroni.url], config={"ttl": 40})
    assert answer["failed"]
    assert answer["status"] == status
    assert f"HTTP {status}: said the server" in answer["msg"]


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_bad_declaration_is_refused_before_anything_is_sent(
    patroni: FakePatroni, run_module: RunModule, check_mode: bool
) -> None:
    before = copy.deepcopy(patroni.config)
    bad = {"ttl": 5, "synchronous_mode": "maybe", **parameters(listen_addresses="*")}
    answer = run_module(patroni_config, urls=[patroni.url], config=bad, check_mode=check_mode)
    assert answer["failed"]
    assert len(answer["problems"]) >= 3
    assert patroni.server.asked("PATCH") == []
    assert patroni.config == before


def test_an_old_patroni_gets_no_quorum(patroni: FakePatroni, run_module: RunModule) -> None:
    patroni.version = "3.0.2"
    answer = run_module(patroni_config, urls=[patroni.url], config={"synchronous_mode": "quorum"})
    assert "needs Patroni 4.0: this is 3.0.2" in answer["msg"]
    assert patroni.server.asked("PATCH") == []


def test_a_cluster_that_does_not_answer_is_a_failure(run_module: RunModule) -> None:
    answer = run_module(patroni_config, urls=[CLOSED], config={"ttl": 40})
    assert answer["failed"]
    assert list(answer["unanswered"]) == [CLOSED]


def test_hostile_values_arrive_as_they_are(patroni: FakePatroni, run_module: RunModule) -> None:
    value = "'; $(reboot) {{ x }} % \\ ä \t"
    answer = run_module(patroni_config, urls=[patroni.url], config=parameters(archive_command=value), wait_timeout=0)
    assert answer["changed"]
    assert patroni.config["postgresql"]["parameters"]["archive_command"] == value
