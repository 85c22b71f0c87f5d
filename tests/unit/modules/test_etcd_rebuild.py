# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.modules import etcd_rebuild
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd import FakeEtcd
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd_keys import FakeKey, FakeKeys
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.shop import FakeShop

CLOSED = "http://127.0.0.1:1"
CONFIG = {"ttl": 20, "synchronous_mode": "quorum"}
LOST = {"pg1": False, "pg2": False, "pg3": False}


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    """A cluster whose leader goes on in failsafe mode."""
    fake = FakeShop(pg1="leader", pg2="quorum_standby", pg3="quorum_standby")
    fake["pg1"].status["failsafe_mode_is_active"] = True
    yield fake
    fake.stop()


def wish(shop: FakeShop, **options: Any) -> dict[str, Any]:
    given = {"stage": "plan", "cluster": "shop", "members": LOST, "urls": [CLOSED], "unseen_urls": [CLOSED]}
    return {**given, "patroni_urls": shop.urls, **options}


def test_a_lost_store_is_founded_anew_and_none_is_told_from_a_running_one(
    shop: FakeShop, run_module: RunModule
) -> None:
    answer = run_module(etcd_rebuild, **wish(shop))
    assert (answer["way"], answer["before"]["leader"], answer["before"]["timeline"]) == ("nothing", "pg1", 3)
    assert set(answer["before"]["started"]) == set(LOST)
    etcd = FakeEtcd.of(*LOST)
    try:
        assert run_module(etcd_rebuild, **wish(shop, urls=etcd.urls))["way"] == "none"
        assert run_module(etcd_rebuild, **wish(shop, unseen_urls=etcd.urls))["way"] == "resume"
        etcd.stop("pg3")
        assert "a majority of its members runs" in run_module(etcd_rebuild, **wish(shop, urls=etcd.urls))["msg"]
    finally:
        etcd.stop_all()


def test_a_silent_patroni_stops_it(shop: FakeShop, run_module: RunModule) -> None:
    shop.kill("pg3")
    assert "does not answer" in run_module(etcd_rebuild, **wish(shop))["msg"]


def test_of_an_etcd_that_is_healthy_it_says_so_whatever_the_cluster_is_like(
    shop: FakeShop, run_module: RunModule
) -> None:
    shop.kill("pg3")
    etcd = FakeEtcd.of(*LOST)
    try:
        answer = run_module(etcd_rebuild, **wish(shop, urls=etcd.urls))
    finally:
        etcd.stop_all()
    assert (answer["way"], answer["before"]) == ("none", {})


def test_only_a_store_that_agrees_may_be_shown(shop: FakeShop, run_module: RunModule) -> None:
    before = {"leader": "pg1", "timeline": 1, "system_identifier": "75", "started": {}}
    etcd, config = FakeKeys(), {"ttl": 20}
    try:
        for key, value in {"initialize": "75", "leader": "pg1", "config": json.dumps(config)}.items():
            etcd.keys[f"/service/shop/{key}".encode()] = FakeKey(value.encode(), 1, 1)
        judged = wish(shop, stage="judge", unseen_urls=etcd.urls, before=before, config=config)
        assert "failed" not in run_module(etcd_rebuild, **judged)
        etcd.keys[b"/service/shop/leader"] = FakeKey(b"pg2", 1, 1)
        assert "the leader is pg2 in etcd" in run_module(etcd_rebuild, **judged)["msg"]
    finally:
        for server in etcd.servers:
            server.stop()


@pytest.fixture
def rebuilt(shop: FakeShop) -> Iterator[FakeEtcd]:
    """An etcd in which Patroni has written everything again."""
    etcd, keys = FakeEtcd.of(*LOST), FakeKeys()
    sync = {"leader": "pg1", "sync_standby": "pg2,pg3", "quorum": 1}
    kept = {"initialize": "75", "leader": "pg1", "config": CONFIG, "sync": sync, "history": [[2, 20, "x"]]}
    for key, value in {**kept, "status": {}, "failsafe": {}}.items():
        keys.write(f"/service/shop/{key}", (value if isinstance(value, str) else json.dumps(value)).encode())
    etcd.others = keys.answer
    shop["pg1"].status["failsafe_mode_is_active"] = False
    yield etcd
    etcd.stop_all()
    keys.stop()


def verified(shop: FakeShop, etcd: FakeEtcd, run_module: RunModule) -> dict[str, Any]:
    started = {name: shop[name].status["postmaster_start_time"] for name in LOST}
    before = {"leader": "pg1", "timeline": 3, "system_identifier": "75", "started": started}
    wished = wish(shop, stage="verify", urls=etcd.urls, before=before, config=CONFIG, wait_timeout=0.1)
    return run_module(etcd_rebuild, **wished)


def test_what_is_as_before_is_verified(shop: FakeShop, rebuilt: FakeEtcd, run_module: RunModule) -> None:
    assert verified(shop, rebuilt, run_module)["compared_revision"] == rebuilt.revision


def test_members_that_hold_different_keys_are_told(
    shop: FakeShop, rebuilt: FakeEtcd, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(etcd_rebuild, "COMPARING_SECONDS", 0.1)
    rebuilt["pg1"].keys_hash = 7
    answer = verified(shop, rebuilt, run_module)
    assert answer["failed"]
    assert answer["problems"] == ["different keys at revision 100 have pg1 and pg2, pg3"]
    assert "its members do not hold the same" in answer["msg"]
    assert "systemctl stop etcd" in answer["msg"]


def test_an_old_etcd_is_not_said_to_agree(shop: FakeShop, rebuilt: FakeEtcd, run_module: RunModule) -> None:
    rebuilt.version = "3.4"
    assert verified(shop, rebuilt, run_module)["compared_revision"] is None
