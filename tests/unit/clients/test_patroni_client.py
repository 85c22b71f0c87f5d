# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import Accepted, JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import PatroniClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import FakePatroni, said
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


def test_a_member_tells_its_own_state(client: PatroniClient) -> None:
    status = client.status()
    assert (status.name, status.scope, status.is_primary, status.timeline) == ("pg1", "shop", True, 3)


def test_the_timelines_before_are_told(client: PatroniClient) -> None:
    assert [(end.timeline, end.lsn, end.new_leader) for end in client.history()] == [
        (1, 25165984, "pg2"),
        (2, 50331808, "pg1"),
    ]


@pytest.mark.parametrize(("path", "body"), [("/patroni", {}), ("/patroni", []), ("/history", {}), ("/history", [[1]])])
def test_nonsense_is_an_error_that_names_what_was_asked(
    client: PatroniClient, fake: FakePatroni, path: str, body: object
) -> None:
    fake.replies["GET", path] = Reply(body)
    with pytest.raises(RemoteError, match=rf"GET {path} on http://127\.0\.0\.1:\d+: "):
        client.status() if path == "/patroni" else client.history()


HOSTILE = "{{ x }}'\"\n../%s"
Order = Callable[[PatroniClient], Accepted]
ORDERS: list[tuple[Order, str, str, object]] = [
    (lambda c: c.switchover("pg1"), "POST", "/switchover", {"leader": "pg1"}),
    (lambda c: c.switchover("pg1", HOSTILE), "POST", "/switchover", {"leader": "pg1", "candidate": HOSTILE}),
    (
        lambda c: c.switchover("pg1", "pg2", "2026-01-31T12:00:00+00:00"),
        "POST",
        "/switchover",
        {"leader": "pg1", "candidate": "pg2", "scheduled_at": "2026-01-31T12:00:00+00:00"},
    ),
    (lambda c: c.cancel_switchover(), "DELETE", "/switchover", None),
    (lambda c: c.failover("pg2"), "POST", "/failover", {"candidate": "pg2"}),
    (lambda c: c.restart(only_pending=True), "POST", "/restart", {"restart_pending": True}),
    (lambda c: c.restart(only_pending=False), "POST", "/restart", {}),
    (lambda c: c.restart(only_pending=False, timeout=9), "POST", "/restart", {"timeout": 9}),
    (lambda c: c.reload(), "POST", "/reload", None),
    (lambda c: c.reinitialize(), "POST", "/reinitialize", {"force": False}),
    (lambda c: c.reinitialize(force=True), "POST", "/reinitialize", {"force": True}),
]


@pytest.mark.parametrize(("order", "method", "path", "body"), ORDERS)
def test_an_order_is_sent_and_its_words_come_back(
    client: PatroniClient, fake: FakePatroni, order: Order, method: str, path: str, body: object
) -> None:
    fake.acts[method, path] = lambda _body: said("as you wish", 202)
    assert order(client) == Accepted(202, "as you wish")
    assert [(call.method, call.path, call.body) for call in fake.server.calls] == [(method, path, body)]


@pytest.mark.parametrize("status", [400, 401, 404, 409, 412, 422, 500, 503])
@pytest.mark.parametrize(("order", "method", "path", "body"), ORDERS)
def test_a_refusal_keeps_its_status_and_its_words(
    client: PatroniClient, fake: FakePatroni, order: Order, method: str, path: str, body: object, status: int
) -> None:
    fake.acts[method, path] = lambda _body: said("candidate name does not match with sync_standby", status)
    with pytest.raises(RemoteError) as caught:
        order(client)
    assert caught.value.details["status"] == status
    assert caught.value.details["answer"] == "candidate name does not match with sync_standby"


def test_an_order_may_take_longer_than_a_question(fake: FakePatroni) -> None:
    def act(_body: object) -> Reply:
        time.sleep(0.5)
        return said("restarted successfully")

    fake.acts["POST", "/restart"] = act
    hasty = PatroniClient(JsonHttp(fake.url, timeout=0.1))
    assert hasty.restart(only_pending=False, seconds=30).said == "restarted successfully"
    with pytest.raises(RemoteError, match="no answer in time"):
        hasty.restart(only_pending=False, seconds=0.1)


def test_a_member_is_woken_by_a_change_that_is_none(client: PatroniClient, fake: FakePatroni) -> None:
    before = dict(fake.config)
    client.wake({"loop_wait": 10})
    assert fake.config == before
    with pytest.raises(RemoteError, match="HTTP 400"):
        client.wake({})
