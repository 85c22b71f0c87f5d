# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd import EtcdClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd_agreement import KeysHash
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd import CLUSTER_ID, FakeEtcd
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import FakeServer, Reply


@pytest.fixture(params=["3.4", "3.5", "3.6"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeEtcd]:
    cluster = FakeEtcd.of("a", "b", "c", version=request.param)
    yield cluster
    cluster.stop_all()


@pytest.fixture
def client(fake: FakeEtcd) -> EtcdClient:
    return EtcdClient(JsonHttp(fake.urls[0]))


def test_ids_beyond_the_exact_range_of_floats_survive(client: EtcdClient, fake: FakeEtcd) -> None:
    listed = client.members()
    assert listed.cluster_id == CLUSTER_ID
    assert [m.id for m in listed.members] == [m.id for m in fake.members]


def test_a_status_tells_version_leader_and_size(client: EtcdClient, fake: FakeEtcd) -> None:
    status = client.status()
    assert (status.member_id, status.leader) == (fake["a"].id, fake["a"].id)
    assert (status.version, status.db_size_bytes, status.raft_term) == (f"{fake.version}.9", 20480, 2)


def test_the_keys_up_to_a_revision_are_one_number(client: EtcdClient, fake: FakeEtcd) -> None:
    fake["a"].compacted = 90
    if fake.version == "3.4":
        with pytest.raises(RemoteError, match="HTTP 404"):
            client.hash_of_keys(100)
    else:
        assert client.hash_of_keys(100) == KeysHash(4042, 90)
        with pytest.raises(RemoteError, match="is a future revision"):
            client.hash_of_keys(101)


def test_without_a_majority_a_status_has_no_leader_and_health_is_an_error(client: EtcdClient, fake: FakeEtcd) -> None:
    fake.stop("b", "c")
    assert client.status().leader == 0
    assert client.status().errors == ("etcdserver: no leader",)
    assert [m.name for m in client.members_known_here().members] == ["a", "b", "c"]
    with pytest.raises(RemoteError, match="HTTP 503"):
        client.is_healthy()


def test_a_member_is_added_promoted_moved_and_removed(client: EtcdClient, fake: FakeEtcd) -> None:
    added = client.add_member(["https://d:2380"], as_learner=True)
    assert (added.started, added.is_learner, added.peer_urls) == (False, True, ("https://d:2380",))
    client.promote_member(added.id)
    client.update_member(added.id, ["https://e:2380"])
    assert [(m.is_learner, m.peer_urls) for m in fake.members if m.id == added.id] == [(False, ["https://e:2380"])]
    client.remove_member(added.id)
    assert fake.names == ["a", "b", "c"]


def test_a_refusal_is_told_in_the_servers_words(client: EtcdClient) -> None:
    with pytest.raises(RemoteError, match=r"POST /v3/cluster/member/remove on .* HTTP 404: .*member not found"):
        client.remove_member(1)


def test_alarms_are_told(client: EtcdClient, fake: FakeEtcd) -> None:
    assert client.alarms() == ()
    fake.alarms = [{"memberID": str(fake["b"].id), "alarm": "NOSPACE"}]
    assert [(a.member_id, a.kind) for a in client.alarms()] == [(fake["b"].id, "NOSPACE")]


def test_a_learner_lists_no_members(client: EtcdClient, fake: FakeEtcd) -> None:
    learner = fake.register(["https://d:2380"], is_learner=True)
    fake.start(learner, "d")
    with pytest.raises(RemoteError, match="not supported for learner"):
        client.at(fake.urls[3]).members()


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"header": {}, "members": []},
        {"header": {"cluster_id": "x"}, "members": []},
        {"header": {"cluster_id": True}, "members": []},
        {"header": {"cluster_id": "1"}, "members": [{}]},
        {"header": {"cluster_id": "1"}, "members": [{"ID": "1", "peerURLs": "https://a"}]},
        {"header": {"cluster_id": "1"}, "members": 5},
        {"header": [], "members": []},
    ],
)
def test_a_list_of_members_that_is_none_is_an_error(body: object) -> None:
    server = FakeServer(lambda _call: Reply(body))
    try:
        with pytest.raises(RemoteError, match=f"/v3/cluster/member/list on {server.url}: "):
            EtcdClient(JsonHttp(server.url)).members()
    finally:
        server.stop()


@pytest.mark.parametrize("body", [{"alarms": [7]}, {"alarms": 7}, {"alarms": [{"memberID": "x"}]}])
def test_alarms_that_are_none_are_an_error(body: object) -> None:
    server = FakeServer(lambda _call: Reply(body))
    try:
        with pytest.raises(RemoteError, match="the answer is not what etcd gives"):
            EtcdClient(JsonHttp(server.url)).alarms()
    finally:
        server.stop()
