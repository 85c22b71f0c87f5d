# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.status import Unfinished
from ansible_collections.matriarch.pgcluster.plugins.module_utils.reading_status import read_restore
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd_keys import FakeKey, FakeKeys

KEY = b"/matriarch/shop/restore"


@pytest.fixture
def etcd():
    keys = FakeKeys(2)
    yield keys
    keys.stop()


def read(etcd):
    return read_restore([EtcdKeys(JsonHttp(url)) for url in etcd.urls], "shop")


@pytest.mark.parametrize(
    ("note", "found"),
    [
        ({"wish": {"target": "latest"}}, Unfinished("shop", "latest", stopped=False)),
        ({"wish": {"target": "xid:7"}, "committed": True}, Unfinished("shop", "xid:7", stopped=True)),
        ({"committed": True}, Unfinished("shop", "an unknown target", stopped=True)),
    ],
)
def test_a_restore_that_stands(etcd, note, found):
    etcd.keys[KEY] = FakeKey(json.dumps(note).encode(), 1, 1)
    assert read(etcd) == found


def test_another_clusters_is_not_ours(etcd):
    etcd.keys[b"/matriarch/shop2/restore"] = FakeKey(b'{"committed": true}', 1, 1)
    assert read(etcd) is None


def test_one_server_is_enough(etcd):
    etcd.keys[KEY] = FakeKey(b'{"committed": true}', 1, 1)
    etcd.servers[0].stop()
    assert read(etcd)


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"7"])
def test_what_is_garbled_keeps_no_status_from_being_told(etcd, text):
    etcd.keys[KEY] = FakeKey(text, 1, 1)
    assert read(etcd) is None


def test_nor_does_an_etcd_that_is_silent(etcd):
    etcd.stop()
    assert read(etcd) is None
