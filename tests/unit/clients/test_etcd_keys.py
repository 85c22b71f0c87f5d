# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import (
    Created,
    Delete,
    EtcdKeys,
    Put,
    Unchanged,
    end_of,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd_keys import FIRST_LEASE, FakeKeys
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import FakeServer, Reply

HOSTILE = ["/a/lock", "/a/{{ x }}\n'\"$(reboot)", "/a/../b", "/a/é\0", "/a/\udcff"]


@pytest.fixture
def fake() -> Iterator[FakeKeys]:
    keys = FakeKeys()
    yield keys
    keys.stop()


@pytest.fixture
def client(fake: FakeKeys) -> EtcdKeys:
    return EtcdKeys(JsonHttp(fake.urls[0]))


@pytest.mark.parametrize("key", HOSTILE)
def test_any_key_and_value_come_back_as_they_were_written(client: EtcdKeys, key: str) -> None:
    assert client.get(key) is None
    assert client.transact([Created(key)], [Put(key, b"\x00\xff{{")])
    found = client.get(key)
    assert found is not None
    assert (found.key, found.value, found.lease) == (key, b"\x00\xff{{", 0)
    assert found.create_revision == found.mod_revision > 0


def test_a_transaction_does_all_or_nothing(client: EtcdKeys) -> None:
    assert client.transact([Created("a")], [Put("a", b"1"), Put("b", b"1")])
    assert not client.transact([Created("a")], [Put("a", b"2"), Delete("b")])
    found = client.get("a")
    assert found is not None
    assert found.value == b"1"
    assert client.transact([Unchanged("a", found.mod_revision), Created("c")], [Put("a", b""), Delete("b")])
    assert not client.transact([Unchanged("a", found.mod_revision)], [Delete("a")])
    changed = client.get("a")
    assert changed is not None
    assert (changed.value, changed.create_revision) == (b"", found.create_revision)
    assert client.get("b") is None


def test_the_last_keys_below_a_prefix_come_first_and_a_range_is_deleted(client: EtcdKeys) -> None:
    names = ["/j/1", "/j/2", "/j/3", "/j", "/k/1"]
    assert client.transact([], [Put(name, b"x") for name in names])
    assert [kv.key for kv in client.last_below("/j/", 2)] == ["/j/3", "/j/2"]
    assert client.transact([], [Delete("/j/", "/j/3")])
    assert [kv.key for kv in client.last_below("/j/", 9)] == ["/j/3"]
    assert client.get("/k/1")
    assert end_of("/j/") == "/j0"


def test_keys_are_read_together_whether_they_are_there_or_not(client: EtcdKeys, fake: FakeKeys) -> None:
    assert client.together(["a", "b"], "/w/") == {}
    assert client.transact([], [Put(name, name.encode()) for name in ("a", "/w/1", "/w/2", "/w", "/x")])
    found = client.together(["a", "b"], "/w/")
    assert {key: kv.value for key, kv in found.items()} == {"a": b"a", "/w/1": b"/w/1", "/w/2": b"/w/2"}
    assert fake.writes == ["/v3/kv/txn"]


def test_a_lease_takes_its_key_along_when_it_ends(client: EtcdKeys, fake: FakeKeys) -> None:
    lease = client.grant_lease(30)
    assert lease >= FIRST_LEASE
    client.transact([], [Put("a", b"1", lease)])
    fake.pass_time(20)
    assert client.lease_seconds_left(lease) == 10
    assert client.renew_lease(lease) == 30
    fake.pass_time(20)
    found = client.get("a")
    assert found is not None
    assert found.lease == lease
    fake.pass_time(10)
    assert client.get("a") is None
    assert (client.lease_seconds_left(lease), client.renew_lease(lease)) == (-1, 0)
    with pytest.raises(RemoteError, match=r"POST /v3/lease/revoke on .* HTTP 404: .*lease not found"):
        client.revoke_lease(lease)


def test_a_revoked_lease_takes_its_key_along(client: EtcdKeys) -> None:
    lease = client.grant_lease(30)
    client.transact([], [Put("a", b"1", lease)])
    client.revoke_lease(lease)
    assert client.get("a") is None


def test_the_servers_own_words_are_told(client: EtcdKeys, fake: FakeKeys) -> None:
    fake.refusals["/v3/lease/grant"] = (8, 429, "etcdserver: mvcc: database space exceeded")
    with pytest.raises(RemoteError, match=r"POST /v3/lease/grant on .* HTTP 429: .*space exceeded"):
        client.grant_lease(30)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"kvs": 5},
        {"kvs": [{}]},
        {"kvs": [{"key": 7, "create_revision": "1", "mod_revision": "1"}]},
        {"kvs": [{"key": "not base64!", "create_revision": "1", "mod_revision": "1"}]},
        {"kvs": [{"key": "YQ==", "create_revision": "x", "mod_revision": "1"}]},
        {"kvs": [{"key": "YQ==", "create_revision": "1", "mod_revision": "1", "lease": []}]},
    ],
)
def test_an_answer_that_is_none_is_an_error(body: object) -> None:
    server = FakeServer(lambda _call: Reply(body))
    try:
        with pytest.raises(RemoteError, match=f"/v3/kv/range on {server.url}: the answer is not what etcd gives"):
            EtcdKeys(JsonHttp(server.url)).get("a")
    finally:
        server.stop()
