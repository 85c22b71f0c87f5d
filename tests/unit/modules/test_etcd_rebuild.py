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
