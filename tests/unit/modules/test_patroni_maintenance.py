# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.modules import patroni_maintenance
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import Reply
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.shop import FakeShop
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.systemd import FakeSystemd

CLOSED = "http://127.0.0.1:1"


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    fake = FakeShop(pg1="leader", pg2="sync_standby", pg3="replica")
    yield fake
    fake.stop()


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSystemd:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(patroni_maintenance, "SYSTEMD_RUNS", str(tmp_path))
    return FakeSystemd(tmp_path)


@pytest.fixture(autouse=True)
def without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patroni_maintenance, "SYSTEMD_RUNS", "/nonexistent")


def patches(shop: FakeShop) -> list[Any]:
    return [call.body for patroni in shop.patronis.values() for call in patroni.server.asked("PATCH")]


def test_predict_pause_find_nothing_to_do_and_go_on(shop: FakeShop, run_module: RunModule) -> None:
    asked = {"urls": [CLOSED, *shop.urls], "wait_timeout": 5}
    predicted = run_module(patroni_maintenance, check_mode=True, state="paused", **asked)
    assert patches(shop) == []
    answers = [
        run_module(patroni_maintenance, state=state, **asked) for state in ("paused", "paused", "resumed", "resumed")
    ]
    assert [answer["changed"] for answer in (predicted, *answers)] == [True, True, False, True, False]
    assert predicted["diff"] == answers[0]["diff"]
    assert patches(shop) == [{"pause": True}, {"pause": None}]
    assert all(answer["acknowledged"] == ["pg1", "pg2", "pg3"] for answer in answers)
    assert [answer["paused"] for answer in answers] == [True, True, False, False]


@pytest.mark.parametrize(("state", "told"), [("paused", "it is not paused yet"), ("resumed", "it is still paused")])
def test_a_member_that_does_not_notice_is_named(shop: FakeShop, run_module: RunModule, state: str, told: str) -> None:
    shop.paused = state == "resumed"
    shop["pg3"].replies["GET", "/patroni"] = Reply(
        {"state": "running", "pause": state == "resumed", "patroni": {"name": "pg3"}}
    )
    answer = run_module(patroni_maintenance, urls=shop.urls, state=state, wait_timeout=0)
    assert answer["failed"]
    assert answer["missing"] == {"pg3": told}
    assert f"the cluster is {state}, but 0 s later not every member has noticed: pg3: {told}" in answer["msg"]


def test_a_dead_host_is_waited_for_until_it_is_forgotten(
    shop: FakeShop, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.kill("pg3")
    asked = {"urls": shop.urls, "state": "paused"}
    assert list(run_module(patroni_maintenance, wait_timeout=0, **asked)["missing"]) == ["pg3"]
    monkeypatch.setattr("time.sleep", lambda _seconds: shop.members.pop("pg3"))
    assert run_module(patroni_maintenance, wait_timeout=60, **asked)["acknowledged"] == ["pg1", "pg2"]


def test_a_refusal_is_told(shop: FakeShop, run_module: RunModule) -> None:
    shop["pg1"].replies["PATCH", "/config"] = Reply(b"<html>", 409, "text/html")
    answer = run_module(patroni_maintenance, urls=shop.urls, state="paused")
    assert answer["failed"]
    assert answer["status"] == 409


def test_a_cluster_that_does_not_answer_is_a_failure(run_module: RunModule) -> None:
    assert list(run_module(patroni_maintenance, urls=[CLOSED], state="paused")["unanswered"]) == [CLOSED]


def test_a_pause_with_an_end_has_a_timer_and_going_on_takes_it_away(
    shop: FakeShop, systemd: FakeSystemd, tmp_path: Path, run_module: RunModule
) -> None:
    ctl, config = tmp_path / "patronictl", tmp_path / "config.yml"
    ctl.touch()
    config.touch()
    timer = {"resume_after": 90.0, "patronictl": str(ctl), "patronictl_config": str(config)}
    asked = {"urls": shop.urls, "wait_timeout": 5}
    predicted = run_module(patroni_maintenance, check_mode=True, state="paused", **timer, **asked)
    assert (predicted["changed"], systemd.armed) == (True, set())
    paused = run_module(patroni_maintenance, state="paused", **timer, **asked)
    assert systemd.armed == {"matriarch-end-of-maintenance"}
    armed = [json.loads(line) for line in (tmp_path / "calls").read_text(encoding="utf-8").splitlines()][-1]
    ends = [str(ctl), "-c", str(config), "edit-config", "--force", "--quiet", "--set", "pause=null"]
    assert armed[armed.index("--") + 1 :] == ends
    assert "--on-active=90000ms" in armed
    assert run_module(patroni_maintenance, state="paused", **asked)["changed"] is False
    assert systemd.armed == {"matriarch-end-of-maintenance"}
    resumed = run_module(patroni_maintenance, state="resumed", **asked)
    assert (paused["changed"], resumed["changed"], systemd.armed) == (True, True, set())
    assert run_module(patroni_maintenance, state="resumed", **asked)["changed"] is False


def test_a_pause_whose_timer_cannot_be_armed_does_not_begin(
    shop: FakeShop, systemd: FakeSystemd, tmp_path: Path, run_module: RunModule
) -> None:
    (tmp_path / "refuses").write_text("systemd-run", encoding="utf-8")
    here = {"patronictl": str(tmp_path / "calls"), "patronictl_config": str(tmp_path / "refuses")}
    (tmp_path / "calls").touch()
    answer = run_module(patroni_maintenance, urls=shop.urls, state="paused", resume_after=90, **here)
    assert answer["failed"]
    assert (patches(shop), shop.paused, systemd.armed) == ([], False, set())


def test_a_timer_that_could_not_do_anything_is_refused(shop: FakeShop, run_module: RunModule) -> None:
    answer = run_module(patroni_maintenance, urls=shop.urls, state="paused", resume_after=90, patronictl="/no/where")
    assert answer["failed"]
    assert "/no/where is not on this host" in answer["msg"]
    assert not shop.paused
