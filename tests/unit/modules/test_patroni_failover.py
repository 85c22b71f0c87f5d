# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.modules import patroni_failover
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd_keys import FakeKey, FakeKeys
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import said
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import Reply
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.shop import FakeShop

CLOSED = "http://127.0.0.1:1"


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    """pg1 led, and its host is gone."""
    fake = FakeShop(pg1="replica", pg2="quorum_standby", pg3="quorum_standby")
    fake.kill("pg1")
    del fake.members["pg1"]
    fake["pg3"].status["xlog"]["received_location"] = 1010
    yield fake
    fake.stop()


@pytest.fixture
def etcd(shop: FakeShop) -> Iterator[FakeKeys]:
    """What Patroni keeps of the cluster, and of another one beside it."""
    fake = FakeKeys()
    keep(fake, "initialize", "7500000000000000000")
    keep(fake, "sync", json.dumps({"leader": "pg1", "sync_standby": "pg2,pg3", "quorum": 1}))
    keep(fake, "status", json.dumps({"optime": 1000}))
    keep(fake, "history", json.dumps([[1, 500, "x"], [2, 900, "x"]]))
    for name in ("pg2", "pg3"):
        keep(fake, f"members/{name}", json.dumps({"api_url": f"{shop[name].url}/patroni"}))
    fake.keys[b"/service/shop2/leader"] = FakeKey(b"other", 1, 1)
    yield fake
    for server in fake.servers:
        server.stop()


def keep(etcd: FakeKeys, key: str, value: str) -> None:
    etcd.keys[f"/service/shop/{key}".encode()] = FakeKey(value.encode(), 1, 1)


def wish(shop: FakeShop, etcd: FakeKeys, **options: Any) -> dict[str, Any]:
    return {"urls": shop.urls, "etcd_urls": [CLOSED, *etcd.urls], "wait_timeout": 0.2, **options}


def orders(shop: FakeShop) -> list[tuple[str, Any]]:
    return [(name, call.body) for name, patroni in shop.patronis.items() for call in patroni.server.asked("POST")]


def test_show_then_make_the_best_the_leader_then_find_nothing_to_do(
    shop: FakeShop, etcd: FakeKeys, run_module: RunModule
) -> None:
    predicted = run_module(patroni_failover, check_mode=True, **wish(shop, etcd))
    assert orders(shop) == []
    done = run_module(patroni_failover, **wish(shop, etcd))
    keep(etcd, "leader", "pg3")
    again = run_module(patroni_failover, **wish(shop, etcd, candidate="pg3"))
    assert [answer["changed"] for answer in (predicted, done, again)] == [True, True, False]
    assert [answer["leader"] for answer in (predicted, done, again)] == ["pg3", "pg3", "pg3"]
    assert orders(shop) == [("pg3", {"candidate": "pg3"})]
    assert predicted["diff"] == done["diff"] == {"before": {"leader": None}, "after": {"leader": "pg3"}}
    assert done["said"] == 'Successfully failed over to "pg3"'
    assert done["reason"].startswith("pg3 has every acknowledged commit: 2 of 2 voters")
    assert predicted["ranking"] == done["ranking"]
    assert done["ranking"][2]["claim"].startswith(f"{shop['pg1'].url} cannot lead: its Patroni does not answer: ")
    named = run_module(patroni_failover, check_mode=True, **wish(shop, etcd, names={f"{shop['pg1'].url}/": "pg1"}))
    assert named["ranking"][2]["claim"].startswith("pg1 cannot lead: its Patroni does not answer: ")
    assert [(s["name"], s["lsn"], s["loses_nothing"]) for s in done["ranking"]] == [
        ("pg3", "0/3F2", True),
        ("pg2", "0/3E8", False),
        (shop["pg1"].url, None, False),
    ]


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_voter_that_is_silent_forbids_it_until_it_is_forced(
    shop: FakeShop, etcd: FakeKeys, run_module: RunModule, check_mode: bool
) -> None:
    shop.kill("pg2")
    answer = run_module(patroni_failover, check_mode=check_mode, **wish(shop, etcd))
    assert answer["failed"]
    assert "1 of 2 voters (pg2, pg3) were heard, 2 are needed" in answer["msg"]
    assert "bring back pg1 or pg2" in answer["msg"]
    assert answer["ranking"][0]["name"] == "pg3"
    assert orders(shop) == []
    assert run_module(patroni_failover, **wish(shop, etcd, force=True))["leader"] == "pg3"


def test_a_member_that_is_not_named_is_asked_where_the_store_knows_it(
    shop: FakeShop, etcd: FakeKeys, run_module: RunModule
) -> None:
    answer = run_module(patroni_failover, **wish(shop, etcd, urls=[shop["pg2"].url]))
    assert answer["leader"] == "pg3"
    assert [s["name"] for s in answer["ranking"]] == ["pg3", "pg2"]


def test_a_leader_is_not_replaced(shop: FakeShop, etcd: FakeKeys, run_module: RunModule) -> None:
    shop.lead("pg2")
    keep(etcd, "leader", "pg2")
    answer = run_module(patroni_failover, **wish(shop, etcd, candidate="pg3", force=True))
    assert answer["failed"]
    assert "playbooks/switchover.yml, for pg3" in answer["msg"]
    assert orders(shop) == []


TRUTHS = [
    # (what Patroni answers, who leads then, whether that is a success)
    (said("failover is not possible: no good candidates have been found", 412), None, False),
    (said("failover is not possible: no good candidates have been found", 412), "pg2", False),
    (said("Failover status unknown", 503), "pg3", True),
    (said("Failover status unknown", 503), None, False),
    (said("Failover failed", 503), "pg2", False),
    (said('Failed over to "pg2" instead of "pg3"'), "pg2", False),
    (said('Successfully failed over to "pg3"'), None, False),
    (said("", 401), None, False),
]


@pytest.mark.parametrize(("reply", "leader", "succeeds"), TRUTHS)
def test_whatever_patroni_says_the_end_is_the_truth_about_the_cluster(
    shop: FakeShop, etcd: FakeKeys, run_module: RunModule, reply: Reply, leader: str | None, succeeds: bool
) -> None:
    def act(_body: object) -> Reply:
        shop.lead(leader)
        return reply

    shop["pg3"].acts["POST", "/failover"] = act
    answer = run_module(patroni_failover, **wish(shop, etcd))
    assert answer.get("failed", False) is not succeeds
    assert answer["leader"] == leader
    if not succeeds:
        assert f"; {leader or 'nobody'} leads: " in answer["msg"]
        assert "POST /failover on" in answer["msg"]


def test_a_leader_that_does_not_take_writes_yet_is_waited_for(
    shop: FakeShop, etcd: FakeKeys, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    def act(_body: object) -> Reply:
        shop.lead("pg3")
        shop["pg3"].status["role"] = "replica"
        return said('Successfully failed over to "pg3"')

    shop["pg3"].acts["POST", "/failover"] = act
    monkeypatch.setattr("time.sleep", lambda _seconds: shop.lead("pg3"))
    assert run_module(patroni_failover, **wish(shop, etcd, wait_timeout=30))["leader"] == "pg3"


def test_without_etcd_nobody_can_lead(shop: FakeShop, run_module: RunModule) -> None:
    answer = run_module(patroni_failover, urls=shop.urls, etcd_urls=[CLOSED])
    assert answer["failed"]
    assert "Next: bring a majority of etcd back" in answer["msg"]
    assert orders(shop) == []


def test_a_cluster_that_etcd_does_not_know_is_named(shop: FakeShop, etcd: FakeKeys, run_module: RunModule) -> None:
    answer = run_module(patroni_failover, **wish(shop, etcd, namespace="elsewhere"))
    assert answer["failed"]
    assert "/elsewhere/shop/ is not as Patroni keeps a cluster" in answer["msg"]


def test_without_any_member_there_is_nothing_to_rank(etcd: FakeKeys, run_module: RunModule) -> None:
    answer = run_module(patroni_failover, urls=[CLOSED], etcd_urls=etcd.urls)
    assert answer["failed"]
    assert list(answer["unanswered"]) == [CLOSED]


def test_members_of_two_clusters_are_not_mixed(shop: FakeShop, etcd: FakeKeys, run_module: RunModule) -> None:
    shop["pg2"].replies["GET", "/patroni"] = Reply({"state": "running", "patroni": {"scope": "{{ x }}"}})
    answer = run_module(patroni_failover, **wish(shop, etcd))
    assert answer["failed"]
    assert "members of several clusters: shop, {{ x }}" in answer["msg"]
