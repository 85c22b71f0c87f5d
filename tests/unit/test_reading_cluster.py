# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg1 led, was cut off together with its etcd, and still tells the cluster of that time; pg2 leads since then."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import PatroniClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.reading_cluster import (
    read_cluster,
    second_opinion,
)
from ansible_collections.matriarch.pgcluster.plugins.modules import patroni_cluster_info
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import FakePatroni, member

NAMES = ("pg1", "pg2", "pg3")
STANDBY = {"state": "running", "role": "replica", "replication_state": "streaming"}
PRIMARY = {"state": "running", "role": "primary"}


class World:
    """Three Patronis. `old` are those that tell of the time when pg1 led."""

    def __init__(self) -> None:
        self.patronis = {name: FakePatroni() for name in NAMES}
        for name, patroni in self.patronis.items():
            patroni.name = name
        self.tell(leads="pg2", old=("pg1",))

    def tell(self, leads: str, old: tuple[str, ...]) -> None:
        """What each tells of the cluster, and of itself."""
        for name, patroni in self.patronis.items():
            patroni.members = self.members("pg1" if name in old else leads, 1 if name in old else 2)
            patroni.status = PRIMARY if name == leads else STANDBY

    def members(self, leads: str, timeline: int) -> list[dict[str, object]]:
        roles = {name: "leader" if name == leads else "sync_standby" for name in NAMES}
        where = {name: f"{patroni.url}/patroni" for name, patroni in self.patronis.items()}
        return [member(name, role, timeline=timeline, api_url=where[name]) for name, role in roles.items()]

    def silence(self, name: str) -> None:
        self.patronis[name].server.stop()

    @property
    def urls(self) -> list[str]:
        return [self.patronis[name].url for name in NAMES]

    def opinion(self) -> tuple[str | None, str]:
        clients = [PatroniClient(JsonHttp(url)) for url in self.urls]
        told, doubt = second_opinion(clients, read_cluster(clients))
        return told.answer.leader.name if told.answer.leader else None, doubt


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    for patroni in made.patronis.values():
        patroni.server.stop()


def test_who_tells_of_a_leader_that_does_not_lead_is_not_believed(world: World) -> None:
    assert world.opinion() == ("pg2", "")


def test_nor_is_who_tells_of_one_that_is_silent_while_others_know_better(world: World) -> None:
    world.tell(leads="pg3", old=("pg1", "pg2"))
    world.silence("pg1")
    assert world.opinion() == ("pg3", "")


def test_a_silent_leader_of_whom_all_tell_is_believed_in(world: World) -> None:
    """Until its lease is over nobody knows another one."""
    world.tell(leads="pg1", old=NAMES)
    world.silence("pg1")
    assert world.opinion() == ("pg1", "")


def test_where_nobody_knows_better_it_is_said(world: World) -> None:
    world.tell(leads="pg2", old=NAMES)
    world.patronis["pg2"].status = STANDBY
    assert world.opinion() == ("pg1", "pg1 is told to lead, and says itself that it is a replica that is running")


def test_a_leader_of_whom_all_tell_is_asked_once(world: World) -> None:
    """It may be silent, and would be waited for each time."""
    world.tell(leads="pg2", old=NAMES)
    world.opinion()
    assert [call.path for call in world.patronis["pg1"].server.calls].count("/patroni") == 1


def test_a_leader_that_confirms_it_is_enough(world: World) -> None:
    world.tell(leads="pg1", old=NAMES)
    assert world.opinion() == ("pg1", "")
    assert world.patronis["pg2"].server.calls == []


def test_nobody_leads(world: World) -> None:
    for patroni in world.patronis.values():
        patroni.members = [{**one, "role": "replica"} for one in patroni.members]
    assert world.opinion() == (None, "")


@pytest.mark.parametrize("goal", [None, "healthy", "leader"])
def test_the_module_tells_what_holds(world: World, run_module: RunModule, goal: str | None) -> None:
    answer = run_module(patroni_cluster_info, urls=world.urls, wait_timeout=0, **({"wait_for": goal} if goal else {}))
    assert (answer["cluster"]["leader"], answer["cluster"]["timeline"], answer["problems"]) == ("pg2", 2, [])


@pytest.mark.parametrize("goal", ["healthy", "leader"])
def test_what_does_not_hold_is_not_what_was_waited_for(
    world: World, run_module: RunModule, monkeypatch: pytest.MonkeyPatch, goal: str
) -> None:
    world.tell(leads="", old=NAMES)
    wish = {"urls": world.urls, "wait_for": goal}
    answer = run_module(patroni_cluster_info, **wish, wait_timeout=0)
    assert answer["failed"]
    assert "pg1 is told to lead, and says itself that it is a replica" in answer["msg"]
    monkeypatch.setattr(time, "sleep", lambda _seconds: world.tell(leads="pg3", old=("pg1",)))
    assert run_module(patroni_cluster_info, **wish, wait_timeout=30)["cluster"]["leader"] == "pg3"
