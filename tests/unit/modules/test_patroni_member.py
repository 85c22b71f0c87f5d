# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.held_request import Unsent
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import Accepted
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState, Member
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations.leader_restart import Restarted
from ansible_collections.matriarch.pgcluster.plugins.modules import patroni_member
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import said
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import Reply
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.shop import FakeShop

CLOSED = "http://127.0.0.1:1"
PENDING = {"pending_restart": True, "pending_restart_reason": {"max_connections": {"old_value": "1", "new_value": "2"}}}
BROKEN = {"state": "start failed", "replication_state": "", "timeline": None}


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    fake = FakeShop(pg1="leader", pg2="quorum_standby", pg3="quorum_standby")
    for name, patroni in fake.patronis.items():
        patroni.acts["POST", "/restart"] = partial(restart, fake, name)
        patroni.acts["POST", "/reinitialize"] = partial(clone, fake, name)
    yield fake
    fake.stop()


def restart(shop: FakeShop, name: str, body: dict[str, Any]) -> Reply:
    status = shop[name].status
    if "restart_pending" in body and not status.pop("pending_restart", False):
        return said("restart conditions are not satisfied", 503)
    status["postmaster_start_time"] += "+"
    return said("restarted successfully")


def clone(shop: FakeShop, name: str, _body: object) -> Reply:
    shop[name].status |= {"state": "running", "replication_state": "streaming", "timeline": 3}
    shop[name].status["postmaster_start_time"] += "*"
    return said("reinitialize started")


def orders(shop: FakeShop) -> list[tuple[str, str, Any]]:
    asked = [(name, call) for name, patroni in shop.patronis.items() for call in patroni.server.asked("POST")]
    return [(name, call.path, call.body) for name, call in asked]


def test_predict_a_restart_do_it_and_find_nothing_pending(shop: FakeShop, run_module: RunModule) -> None:
    shop["pg2"].status |= PENDING
    wish = {"urls": [CLOSED, *shop.urls], "name": "pg2", "state": "restarted", "wait_timeout": 5}
    predicted = run_module(patroni_member, check_mode=True, **wish)
    assert orders(shop) == []
    done, again = run_module(patroni_member, **wish), run_module(patroni_member, **wish)
    assert [answer["changed"] for answer in (predicted, done, again)] == [True, True, False]
    assert [answer["actions"] for answer in (predicted, done, again)] == [["restart"], ["restart"], []]
    assert orders(shop) == [("pg2", "/restart", {"restart_pending": True})]
    assert done["said"] == "restarted successfully"
    assert (done["before"]["pending_restart"], done["after"]["pending_restart"]) == (True, False)
    assert done["before"]["postmaster_started"] != done["after"]["postmaster_started"]
    assert done["diff"] == {"before": done["before"], "after": done["after"]}


def test_a_restart_can_be_had_without_a_reason(shop: FakeShop, run_module: RunModule) -> None:
    wish = {"urls": shop.urls, "name": "pg3", "state": "restarted", "only_pending": False, "start_timeout": 60}
    assert run_module(patroni_member, wait_timeout=5, **wish)["changed"]
    assert orders(shop) == [("pg3", "/restart", {"timeout": 60})]


@pytest.mark.parametrize("check_mode", [True, False])
def test_the_leader_is_restarted_only_where_that_is_allowed(
    shop: FakeShop, run_module: RunModule, check_mode: bool
) -> None:
    shop["pg1"].status |= PENDING
    wish = {"urls": shop.urls, "name": "pg1", "state": "restarted", "wait_timeout": 5, "check_mode": check_mode}
    refused = run_module(patroni_member, **wish)
    assert refused["failed"]
    assert "pg1 leads" in refused["msg"]
    assert orders(shop) == []
    assert run_module(patroni_member, allow_leader=True, **wish)["changed"]


@pytest.mark.parametrize(
    ("reply", "ends"),
    [
        (said("restarted successfully"), "restarted"),
        (said("postgres is still starting", 503), "restarted"),
        (said("no", 403), "failed"),
    ],
)
def test_with_agents_clients_are_held_while_the_leader_restarts(
    shop: FakeShop, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, reply: Reply, ends: str
) -> None:
    held: list[tuple[Any, ...]] = []

    def restart_held(cluster: ClusterState, leader: Member, body: object, params: dict[str, Any]) -> Restarted:
        held.append((cluster.name, leader.name, body, params["proxies"]))
        answer: Future[Accepted] = Future()
        if reply.status == 200:
            answer.set_result(Accepted(200, reply.body.decode()))
        else:
            words = reply.body.decode()
            answer.set_exception(RemoteError(f"HTTP {reply.status}: {words}", reason=words, status=reply.status))
        if ends == "restarted":
            shop["pg1"].status["postmaster_start_time"] += "+"
        return Restarted(answer, {"total_pause": 900.0}, ["pg3 hung up"])

    monkeypatch.setattr(patroni_member, "restart_leader", restart_held)
    wish = {"urls": shop.urls, "name": "pg1", "state": "restarted", "only_pending": False, "allow_leader": True}
    hands: dict[str, Any] = {"agents": {"pg1": "10.0.0.1"}, "proxies": ["pg1"], "start_timeout": 9, "wait_timeout": 5}
    answer = run_module(patroni_member, **wish, **hands)
    assert held == [("shop", "pg1", {"timeout": 9}, ["pg1"])]
    assert orders(shop) == [], "it is asked while clients are held, and not once more"
    if ends == "failed":
        assert answer["msg"] == "HTTP 403: no"
    else:
        assert (answer["changed"], answer["said"]) == (True, reply.body.decode())
        assert answer["phases"] == {"total_pause": 900.0}


def test_a_restart_that_nobody_was_asked_for_is_not_waited_for(
    shop: FakeShop, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer: Future[Accepted] = Future()
    answer.set_exception(Unsent("POST /restart on https://pg1:8008: it hung up before it was asked"))
    monkeypatch.setattr(patroni_member, "restart_leader", lambda *_asked: Restarted(answer, {}, []))
    wish = {"urls": shop.urls, "name": "pg1", "state": "restarted", "only_pending": False, "allow_leader": True}
    told = run_module(patroni_member, **wish, agents={"pg1": "10.0.0.1"}, proxies=["pg1"], wait_timeout=5)
    assert told["msg"] == str(answer.exception())


def test_a_replica_restarts_without_holding_anybody(shop: FakeShop, run_module: RunModule) -> None:
    wish = {"urls": shop.urls, "name": "pg2", "state": "restarted", "only_pending": False, "wait_timeout": 5}
    answer = run_module(patroni_member, **wish, agents={"pg1": "10.0.0.1"}, proxies=["pg1"])
    assert (answer["changed"], answer["phases"]) == (True, {})
    assert orders(shop) == [("pg2", "/restart", {})]


def restarts(shop: FakeShop, reply: Reply, *, really: bool) -> None:
    """pg2 answers so to POST /restart, whatever it does."""

    def act(body: dict[str, Any]) -> Reply:
        if really:
            restart(shop, "pg2", body)
        return reply

    shop["pg2"].status |= PENDING
    shop["pg2"].acts["POST", "/restart"] = act


@pytest.mark.parametrize(
    ("reply", "really", "succeeds"),
    [
        (said("postgres is still starting", 503), True, True),
        (said("restart already in progress", 503), True, True),
        (said("restart failed", 400), True, True),
        (said("restart failed", 503), False, False),
        (said("restarted successfully"), False, False),
        (said("", 401), True, False),
        (said("", 403), False, False),
    ],
)
def test_whatever_patroni_says_the_member_is_looked_at(
    shop: FakeShop, run_module: RunModule, reply: Reply, really: bool, succeeds: bool
) -> None:
    restarts(shop, reply, really=really)
    answer = run_module(patroni_member, urls=shop.urls, name="pg2", state="restarted", wait_timeout=0.2)
    assert answer.get("failed", False) is not succeeds
    if not succeeds and reply.status != 401 and reply.status != 403:
        assert "pg2 is not restarted after" in answer["msg"]
        assert "These parameters still wait for a restart: max_connections" in answer["msg"]
        assert reply.body.decode() in answer["msg"]


def test_a_restart_that_was_not_needed_any_more_changes_nothing(shop: FakeShop, run_module: RunModule) -> None:
    def act(_body: object) -> Reply:
        shop["pg2"].status.pop("pending_restart")
        return said("restart conditions are not satisfied", 503)

    shop["pg2"].status |= PENDING
    shop["pg2"].acts["POST", "/restart"] = act
    answer = run_module(patroni_member, urls=shop.urls, name="pg2", state="restarted", wait_timeout=5)
    assert (answer["changed"], answer["actions"]) == (False, ["restart"])


def test_a_restarted_replica_must_stream_again(
    shop: FakeShop, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    def act(body: dict[str, Any]) -> Reply:
        shop["pg2"].status["replication_state"] = ""
        return restart(shop, "pg2", body)

    shop["pg2"].status |= PENDING
    shop["pg2"].acts["POST", "/restart"] = act
    monkeypatch.setattr("time.sleep", lambda _s: shop["pg2"].status.__setitem__("replication_state", "streaming"))
    answer = run_module(patroni_member, urls=shop.urls, name="pg2", state="restarted", wait_timeout=30)
    assert answer["after"]["replication_state"] == "streaming"


def test_a_reload_is_ordered_and_the_member_is_seen_to_live(shop: FakeShop, run_module: RunModule) -> None:
    answer = run_module(patroni_member, urls=shop.urls, name="pg1", state="reloaded", wait_timeout=5)
    assert (answer["changed"], answer["said"], answer["actions"]) == (True, "reload scheduled", ["reload"])
    assert orders(shop) == [("pg1", "/reload", None)]


def test_a_replica_is_cloned_anew(shop: FakeShop, run_module: RunModule) -> None:
    answer = run_module(patroni_member, urls=shop.urls, name="pg3", state="reinitialized", clone_timeout=5)
    assert (answer["changed"], answer["actions"]) == (True, ["reinitialize"])
    assert orders(shop) == [("pg3", "/reinitialize", {"force": True})]


def test_a_clone_that_patroni_refuses_is_not_waited_for(shop: FakeShop, run_module: RunModule) -> None:
    shop["pg3"].acts["POST", "/reinitialize"] = lambda _body: said("Cluster has no leader, can not reinitialize", 503)
    answer = run_module(patroni_member, urls=shop.urls, name="pg3", state="reinitialized")
    assert answer["failed"]
    assert "HTTP 503: Cluster has no leader" in answer["msg"]


def test_a_leader_is_never_cloned_anew(shop: FakeShop, run_module: RunModule) -> None:
    answer = run_module(patroni_member, urls=shop.urls, name="pg1", state="reinitialized", allow_leader=True)
    assert "its data is the cluster's" in answer["msg"]
    assert orders(shop) == []


@pytest.mark.parametrize("state", ["running", "streaming", "restarted"])
def test_a_replica_that_cannot_rejoin_is_named_with_the_next_command(
    shop: FakeShop, run_module: RunModule, state: str
) -> None:
    shop["pg3"].status |= BROKEN
    answer = run_module(patroni_member, urls=shop.urls, name="pg3", state=state, wait_timeout=0)
    assert answer["failed"]
    assert f"pg3 is not {state} after 0 s: pg3 (replica) is start failed; the leader is on timeline 3." in answer["msg"]
    assert "allow_reinitialize=true" in answer["msg"]
    assert orders(shop) == []


def test_where_it_is_allowed_it_is_cloned_anew(shop: FakeShop, run_module: RunModule) -> None:
    shop["pg3"].status |= BROKEN
    wish = {"urls": shop.urls, "name": "pg3", "state": "streaming", "wait_timeout": 0, "allow_reinitialize": True}
    predicted = run_module(patroni_member, check_mode=True, **wish)
    assert orders(shop) == []
    done, again = run_module(patroni_member, **wish), run_module(patroni_member, **wish)
    assert [answer["changed"] for answer in (predicted, done, again)] == [True, True, False]
    assert [answer["actions"] for answer in (predicted, done)] == [["reinitialize"], ["reinitialize"]]
    assert done["after"]["replication_state"] == "streaming"


def test_a_replica_that_is_about_to_come_back_is_left_alone(shop: FakeShop, run_module: RunModule) -> None:
    shop["pg3"].status |= {"state": "creating replica", "replication_state": ""}
    wish = {"urls": shop.urls, "name": "pg3", "state": "streaming", "wait_timeout": 0, "allow_reinitialize": True}
    answer = run_module(patroni_member, **wish)
    assert answer["failed"]
    assert "allow_reinitialize=true" not in answer["msg"]
    assert orders(shop) == []


def test_a_member_that_is_silent_or_unknown_is_named(shop: FakeShop, run_module: RunModule) -> None:
    shop.kill("pg3")
    asked = {"urls": shop.urls, "state": "streaming", "wait_timeout": 0}
    assert "pg3 does not tell: pg3 (quorum_standby" in run_module(patroni_member, name="pg3", **asked)["msg"]
    hostile = "{{ x }}'\n../"
    assert "it is not among the members (pg1, pg2, pg3)" in run_module(patroni_member, name=hostile, **asked)["msg"]
    restarted = run_module(patroni_member, **{**asked, "name": "pg3", "state": "restarted"})
    assert "pg3 cannot be asked to restart" in restarted["msg"]
    assert orders(shop) == []


def test_a_cluster_that_does_not_answer_is_told(run_module: RunModule) -> None:
    answer = run_module(patroni_member, urls=[CLOSED], name="pg1", state="running", wait_timeout=0)
    assert answer["failed"]
    assert "none of 1 servers answered" in answer["msg"]


def test_a_time_limit_of_nothing_is_refused(shop: FakeShop, run_module: RunModule) -> None:
    asked = {"urls": shop.urls, "name": "pg2", "state": "restarted", "start_timeout": 0}
    assert "more than 0 seconds" in run_module(patroni_member, **asked)["msg"]
