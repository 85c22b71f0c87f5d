# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.modules import etcd_member
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd import FakeEtcd


@pytest.fixture(params=["3.4", "3.5", "3.6"])
def etcd(request: pytest.FixtureRequest) -> Iterator[FakeEtcd]:
    cluster = FakeEtcd.of("a", "b", "c", version=request.param)
    yield cluster
    cluster.stop_all()


@pytest.fixture(autouse=True)
def no_naps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


def wish(etcd: FakeEtcd, name: str, **options: Any) -> dict[str, Any]:
    return {"urls": etcd.urls, "name": name, "peer_urls": [f"https://{name}:2380/"], **options}


def actions(answer: dict[str, Any]) -> list[str]:
    return [step["action"] for step in answer["steps"]]


def test_a_member_is_predicted_added_started_and_promoted(etcd: FakeEtcd, run_module: RunModule) -> None:
    asked = wish(etcd, "d")
    predicted = run_module(etcd_member, check_mode=True, **asked)
    assert etcd.changes == []
    added, waiting = run_module(etcd_member, **asked), run_module(etcd_member, **asked)
    etcd.start(etcd.members[-1], "d")
    promoted, done = run_module(etcd_member, **asked), run_module(etcd_member, **asked)
    answers = (predicted, added, waiting, promoted, done)
    assert [a["changed"] for a in answers] == [True, True, False, True, False]
    assert [actions(a) for a in answers] == [
        ["add_learner"],
        ["add_learner"],
        [],
        ["promote"],
        [],
    ]
    assert [name for name, _body in etcd.changes] == ["add", "promote"]
    expected = "a=https://a:2380,b=https://b:2380,c=https://c:2380,d=https://d:2380"
    assert {",".join(sorted(a["initial_cluster"].split(","))) for a in answers} == {expected}
    assert predicted["id"] is None
    assert {a["id"] for a in answers[1:]} == {f"{etcd['d'].id:x}"}
    assert added["initial_cluster_state"] == "existing"
    assert added["diff"]["after"][0] == {"name": "", "peer_urls": ["https://d:2380"], "votes": False}


def test_a_learner_that_has_just_started_is_waited_for(
    etcd: FakeEtcd, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = etcd.register(["https://d:2380"], is_learner=True)
    learner.name = "d"

    def sleep(_seconds: float) -> None:
        if not learner.up:
            etcd.start(learner, "d")

    monkeypatch.setattr("time.sleep", sleep)
    refused = run_module(etcd_member, check_mode=True, **wish(etcd, "d"))
    assert "d has started as a learner, but does not serve" in refused["msg"]
    assert actions(run_module(etcd_member, **wish(etcd, "d"))) == ["promote"]


def test_a_wiped_member_is_replaced_once(etcd: FakeEtcd, run_module: RunModule) -> None:
    etcd.stop("c")
    former = etcd["c"].id
    asked = wish(etcd, "c", wiped=True)
    assert actions(run_module(etcd_member, check_mode=True, **asked)) == [
        "remove",
        "add_learner",
    ]
    replaced, again = run_module(etcd_member, **asked), run_module(etcd_member, **asked)
    assert (replaced["changed"], again["changed"]) == (True, False)
    assert replaced["id"] == again["id"] != f"{former:x}"
    assert [name for name, _body in etcd.changes] == ["remove", "add"]
    assert "c=https://c:2380" in replaced["initial_cluster"]


def test_an_interrupted_replacement_is_finished(etcd: FakeEtcd, run_module: RunModule) -> None:
    etcd.stop("c")
    asked = wish(etcd, "c", wiped=True)
    etcd.members.remove(etcd["c"])
    assert actions(run_module(etcd_member, **asked)) == ["add_learner"]


def test_a_member_is_removed_once(etcd: FakeEtcd, run_module: RunModule) -> None:
    asked = {"urls": etcd.urls, "name": "a", "state": "absent"}
    removed, again = run_module(etcd_member, **asked), run_module(etcd_member, **asked)
    assert (removed["changed"], again["changed"]) == (True, False)
    assert (removed["id"], removed["initial_cluster"]) == (None, "")
    assert etcd.names == ["b", "c"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"name": "a", "state": "absent"}, "would leave 1 running of 2 voters"),
        ({"name": "b", "peer_urls": ["https://b:2380"], "wiped": True}, "but answers"),
        ({"name": "d", "peer_urls": ["https://b:2380"]}, "belongs to b already"),
        ({"name": "d"}, "d has no peer_urls"),
        ({"name": "d", "peer_urls": ["https://d:2380"], "learner": False}, "would leave 2 running of 4 voters"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_what_is_unsafe_is_refused_and_nothing_is_sent(
    etcd: FakeEtcd, run_module: RunModule, options: dict[str, Any], reason: str, check_mode: bool
) -> None:
    etcd.stop("c")
    answer = run_module(etcd_member, urls=etcd.urls, check_mode=check_mode, **options)
    assert answer["failed"]
    assert reason in answer["msg"]
    assert etcd.changes == []


@pytest.mark.parametrize(
    "words",
    [
        "etcdserver: unhealthy cluster",
        "etcdserver: can only promote a learner member which is in sync with leader",
        "etcdserver: leader changed",
    ],
)
def test_what_etcd_refuses_for_now_is_tried_again(etcd: FakeEtcd, run_module: RunModule, words: str) -> None:
    etcd.not_now = [words, words]
    assert run_module(etcd_member, **wish(etcd, "d"))["changed"]
    assert etcd.not_now == []
    assert [name for name, _body in etcd.changes] == ["add"]


def test_what_etcd_refuses_for_good_is_told_at_once(etcd: FakeEtcd, run_module: RunModule) -> None:
    etcd.not_now = ["etcdserver: permission denied", "etcdserver: never asked again"]
    answer = run_module(etcd_member, **wish(etcd, "d"))
    assert answer["failed"]
    assert "permission denied" in answer["msg"]
    assert len(etcd.not_now) == 1


def test_what_etcd_refuses_for_too_long_is_told_in_the_end(etcd: FakeEtcd, run_module: RunModule) -> None:
    etcd.not_now = ["etcdserver: unhealthy cluster"] * 9
    answer = run_module(etcd_member, wait_timeout=0, **wish(etcd, "d"))
    assert answer["failed"]
    assert "d is not as wished after 0 s: " in answer["msg"]
    assert "unhealthy cluster" in answer["msg"]


def test_hostile_text_is_only_text(etcd: FakeEtcd, run_module: RunModule) -> None:
    name = "d'\"{{ x }}\n$(reboot)"
    answer = run_module(etcd_member, urls=etcd.urls, name=name, peer_urls=["https://d:2380"])
    assert answer["changed"]
    assert f"{name}=https://d:2380" in answer["initial_cluster"]
