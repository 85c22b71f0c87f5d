# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from contextlib import AbstractContextManager

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.objects_sql import LeaderGone
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.objects import Fact, Role
from ansible_collections.matriarch.pgcluster.plugins.modules import postgres_objects
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.objects import FakeObjects

VERIFIER = "SCRAM-SHA-256$4096:secret$proof:proof"
DECLARED = {
    "users": [{"name": "shop", "verifier": VERIFIER}],
    "databases": [{"name": "shop", "owner": "shop", "extensions": ["pg_trgm"]}],
}
MADE = [
    "make user shop",
    "make database shop",
    "change database shop, privileges of everybody",
    "make database shop, extension pg_trgm",
]


class FakeSql(AbstractContextManager):
    """A connection to the fake cluster, which goes away when as many batches are done as `patience` says."""

    def __init__(self, world, patience):
        self.world, self.patience, self.locked, self.deaf = world, patience, False, False

    def __exit__(self, *exception):
        self.locked = False

    def lock(self):
        self.locked = True

    def found(self, wanted):
        return self.world.found()

    def do(self, batch):
        assert self.locked
        if not self.patience:
            raise LeaderGone("gone", reason="it is a replica")
        self.patience -= 1
        for step in batch:
            if not self.deaf:
                self.world.do(step)


@pytest.fixture
def world():
    return FakeObjects()


@pytest.fixture
def sql(world, monkeypatch):
    fake = FakeSql(world, 99)
    monkeypatch.setattr(postgres_objects, "ObjectsSql", lambda *told: fake)
    return fake


@pytest.fixture
def ask(sql, run_module):
    return lambda **told: run_module(postgres_objects, **{"wait_timeout": 0, **DECLARED, **told})


def test_check_mode_tells_and_does_nothing(ask, world):
    before = dict(world.facts)
    told = ask(check_mode=True)
    assert (told["changed"], told["actions"], told["moved"]) == (True, MADE, "")
    assert world.facts == before
    assert "user shop: login, any number of connections, password as declared" in told["diff"]["after"]


def test_twice(ask, world):
    assert ask()["actions"] == MADE
    assert Fact("extension", "shop", "pg_trgm") in world.facts
    again = ask()
    assert (again["changed"], again["actions"], again["diff"]["after"]) == (False, [], "")


@pytest.mark.parametrize("patience", range(4))
def test_who_comes_after_a_leader_that_went_away_does_the_rest(ask, sql, patience):
    sql.patience = patience
    first = ask()
    assert (first["moved"], first["actions"]) == ("it is a replica", MADE[:patience])
    assert first["changed"] == bool(patience)
    sql.patience = 99
    second = ask()
    assert (second["moved"], second["actions"]) == ("", MADE[patience:])


def test_a_leader_that_comes_back_in_time_goes_on(ask, sql, monkeypatch):
    monkeypatch.setattr(sql, "patience", 2)
    gone: list[bool] = []

    def connected(*told):
        if gone:
            sql.patience = 99
        gone.append(True)
        return sql

    monkeypatch.setattr(postgres_objects, "ObjectsSql", connected)
    told = ask(wait_timeout=5)
    assert (told["moved"], told["actions"]) == ("", MADE)


def test_a_refusal_changes_nothing(ask, world):
    before = dict(world.facts)
    told = ask(databases=[{"name": "new", "owner": "stranger"}])
    assert (told["failed"], told["refused"]) == (True, True)
    assert told["problems"] == ["database new: there is no user stranger, and none is declared"]
    assert world.facts == before


def test_a_bad_declaration_is_refused_before_anybody_is_asked(ask, monkeypatch):
    monkeypatch.delattr(postgres_objects, "ObjectsSql")
    assert "has 64" in ask(users=[{"name": "x" * 64}])["msg"]


def test_what_a_step_undid_is_done_again_in_the_same_run(ask, world, monkeypatch):
    owner, entrance = Fact("database", "shop"), Fact("database privileges", "shop", holder="guest")
    do = world.do

    def hand_over(step):
        do(step)
        if step.fact == owner and step.before is not None:
            world.facts.pop(entrance)  # it goes over to the new owner, as in ALTER DATABASE OWNER

    ask()
    world.facts[entrance] = frozenset({"CONNECT", "TEMPORARY"})
    monkeypatch.setattr(world, "do", hand_over)
    users = [{"name": "shop", "verifier": VERIFIER}, {"name": "guest"}, {"name": "heir"}]
    grants = [{"to": "guest", "schema": "kept", "access": "read"}]
    base = {"name": "shop", "owner": "heir", "schemas": [{"name": "kept"}], "grants": grants}
    told = ask(users=users, databases=[base])
    assert told["actions"][-1] == "make database shop, privileges of guest"
    assert ask(users=users, databases=[base])["changed"] is False


def test_a_problem_in_the_middle_is_not_called_a_refusal(ask, world, sql, monkeypatch):
    def lose_the_owner(batch):
        FakeSql.do(sql, batch)
        world.facts.pop(Fact("role", name="keeper"), None)

    world.facts[Fact("role", name="keeper")] = Role(True, -1, "")
    monkeypatch.setattr(sql, "do", lose_the_owner)
    told = ask(users=[], databases=[{"name": "shop", "owner": "keeper"}])
    assert told["msg"] == "Nothing more was changed: database shop: there is no user keeper, and none is declared"
    assert "refused" not in told


def test_what_has_no_effect_is_an_error(ask, sql):
    sql.deaf = True
    assert "does not show: user shop" in ask()["msg"]


def test_no_verifier_is_said(ask):
    assert VERIFIER not in json.dumps(ask())
