# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.modules import patroni_scope
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd_keys import FakeKey, FakeKeys

OWN = ("config", "initialize", "members/pg1", "status")
OTHER = b"/service/shop2/initialize"


@pytest.fixture
def etcd():
    fake = FakeKeys()
    for name in (*(f"/service/shop/{own}".encode() for own in OWN), OTHER):
        fake.keys[name] = FakeKey(b"1", 1, 1)
    yield fake
    for server in fake.servers:
        server.stop()


@pytest.fixture
def ask(etcd, run_module):
    return lambda **told: run_module(patroni_scope, urls=etcd.urls, cluster="shop", **told)


def test_predict_delete_then_find_nothing_to_do(ask, etcd):
    assert ask(check_mode=True)["forgotten"] == list(OWN)
    assert len(etcd.keys) == len(OWN) + 1
    assert ask()["changed"]
    assert list(etcd.keys) == [OTHER]
    assert not ask()["changed"]


def test_while_somebody_leads_nothing_is_deleted(ask, etcd):
    etcd.keys[b"/service/shop/leader"] = FakeKey(b"pg1", 1, 1)
    answer = ask()
    assert answer["failed"]
    assert answer["refused"]
    assert len(etcd.keys) == len(OWN) + 2
