# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.matriarch.pgcluster.plugins.modules import restore_note
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd_keys import FakeKey, FakeKeys

KEY = b"/matriarch/shop/restore"
PATRONI = {
    "initialize": "7",
    "config": '{"ttl": 20}',
    "history": "[]",
    "status": "{}",
    "sync": "{}",
    "members/pg1": "{}",
}
WISH = {"target": "latest", "inclusive": True}


@pytest.fixture
def etcd():
    fake = FakeKeys()
    for name, value in PATRONI.items():
        fake.keys[f"/service/shop/{name}".encode()] = FakeKey(value.encode(), 1, 1)
    yield fake
    for server in fake.servers:
        server.stop()


@pytest.fixture
def ask(etcd, run_module):
    return lambda **told: run_module(restore_note, urls=etcd.urls, cluster="shop", **told)


def test_a_note_is_made_kept_and_cleared(ask, etcd):
    assert ask()["note"] is None
    assert ask()["initialize"] == "7"
    first = ask(state="noted", wish=WISH, note={"worker": "pg2"})
    assert (first["changed"], first["note"]) == (True, {"wish": WISH, "worker": "pg2"})
    assert json.loads(etcd.keys[KEY].value) == first["note"]
    assert not ask(state="noted", wish=WISH)["changed"]
    assert ask()["note"] == first["note"]
    assert ask(state="absent")["changed"]
    assert KEY not in etcd.keys
    assert not ask(state="absent")["changed"]


def test_another_wish(ask):
    ask(state="noted", wish=WISH, note={"worker": "pg2"})
    other = {"target": "immediate", "inclusive": True}
    assert ask(state="noted", wish=other)["replaced"]["worker"] == "pg2"
    ask(state="noted", note={"committed": True})
    assert "a restore to immediate is half done" in ask(state="noted", wish=WISH)["msg"]


def test_etcd_forgets_the_former_cluster_in_one_step(ask, etcd):
    ask(state="noted", wish=WISH, note={"committed": True})
    etcd.keys[b"/service/shop/leader"] = FakeKey(b"pg1", 1, 1)
    assert "pg1 leads" in ask(state="forgotten", identity="7")["msg"]
    del etcd.keys[b"/service/shop/leader"]
    assert ask(state="forgotten", identity="7")["changed"]
    left = {key.decode().removeprefix("/service/shop/") for key in etcd.keys if key.startswith(b"/service")}
    assert left == {"initialize", "config", "history"}
    assert etcd.keys[b"/service/shop/config"].value == b'{"ttl": 20}'
    assert not ask(state="forgotten", identity="7")["changed"]


def test_a_leader_that_comes_in_between_wins(ask, etcd):
    ask(state="noted", wish=WISH, note={"committed": True})

    def somebody_leads(path):
        if path == "/v3/kv/txn":
            etcd.keys[b"/service/shop/leader"] = FakeKey(b"pg1", 9, 9)

    etcd.before = somebody_leads
    assert "changed while they were looked at" in ask(state="forgotten", identity="7")["msg"]
    assert b"/service/shop/status" in etcd.keys


def test_check_mode_only_tells(ask, etcd):
    assert ask(state="noted", wish=WISH, check_mode=True)["changed"]
    assert KEY not in etcd.keys
