# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import PatroniClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import FakePatroni
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import Reply


@pytest.fixture
def fake() -> Iterator[FakePatroni]:
    patroni = FakePatroni()
    yield patroni
    patroni.server.stop()


@pytest.fixture
def client(fake: FakePatroni) -> PatroniClient:
    return PatroniClient(JsonHttp(fake.url))


def test_the_cluster_is_parsed(client: PatroniClient) -> None:
    cluster = client.cluster()
    assert (cluster.name, cluster.leader and cluster.leader.name, len(cluster.members)) == ("shop", "pg1", 3)


def test_the_configuration_is_read_and_patched(client: PatroniClient, fake: FakePatroni) -> None:
    after = client.patch_config({"ttl": 20, "postgresql": {"parameters": {"work_mem": None}}})
    assert after == client.config()
    assert after["ttl"] == 20
    assert after["postgresql"] == {"use_pg_rewind": True, "parameters": {"max_connections": 100}}
    assert fake.server.asked("PATCH")[0].path == "/config"


@pytest.mark.parametrize(
    ("body", "version"),
    [({"patroni": {"version": "3.0.2", "scope": "x"}}, "3.0.2"), ({"patroni": "odd"}, ""), ({}, "")],
)
def test_the_version_is_told_where_there_is_one(
    client: PatroniClient, fake: FakePatroni, body: object, version: str
) -> None:
    fake.replies["GET", "/patroni"] = Reply(body)
    assert client.version() == version


@pytest.mark.parametrize("body", [None, 7, "text", [], {}, {"members": {}}, {"members": [{}]}, {"members": [None]}])
def test_a_cluster_that_is_none_is_an_error(client: PatroniClient, fake: FakePatroni, body: object) -> None:
    fake.replies["GET", "/cluster"] = Reply(body)
    with pytest.raises(RemoteError, match=r"GET /cluster on http://127\.0\.0\.1:\d+: "):
        client.cluster()


@pytest.mark.parametrize("body", [None, [], "text"])
def test_a_configuration_that_is_none_is_an_error(client: PatroniClient, fake: FakePatroni, body: object) -> None:
    fake.replies["GET", "/config"] = Reply(body)
    with pytest.raises(RemoteError, match="expected an object"):
        client.config()


def test_a_conflict_is_told(client: PatroniClient, fake: FakePatroni) -> None:
    fake.replies["PATCH", "/config"] = Reply(b"<html>", 409, "text/html;charset=utf-8")
    with pytest.raises(RemoteError, match=r"PATCH /config .* HTTP 409: Conflict"):
        client.patch_config({"ttl": 20})
