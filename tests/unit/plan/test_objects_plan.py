# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.objects_sql import batches
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.objects import Database, Fact, Role, Spread
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.declaration import wish_of
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.objects import (
    Allowed,
    plan_objects,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.objects_words import difference
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.objects import FakeObjects

VERIFIER = "SCRAM-SHA-256$4096:a$b:c"


def user(name, **told):
    standard = {"state": "present", "login": True, "verifier": VERIFIER, "member_of": [], "connection_limit": -1}
    return {"name": name, "settings": {}, **standard, **told}


def base(name, **told):
    standard = {"state": "present", "owner": "shop", "encoding": "", "locale": "", "connection_limit": -1}
    lists: dict[str, list[Any]] = {"schemas": [], "extensions": [], "grants": []}
    return {"name": name, "settings": {}, "public": False, **standard, **lists, **told}


def grant(to, access, schema="public"):
    return {"to": to, "schema": schema, "access": access}


USERS = [
    user("shop", settings={"search_path": ["shop", "public"], "jit": False}),
    user("readers", login=False, verifier=None),
    user("reports", member_of=["readers"], connection_limit=5),
]
DATABASES = [
    base(
        "shop",
        schemas=[{"name": "shop", "owner": "", "state": "present"}],
        extensions=["pg_trgm"],
        grants=[grant("readers", "read", "shop"), grant("reports", "write")],
        settings={"TimeZone": "UTC"},
    ),
    base("other", public=True),
]
WISH = wish_of(USERS, DATABASES, ["pg_monitor"])
LATER = wish_of(
    [user("shop"), user("readers", login=False), user("reports", state="absent")],
    [base("shop", grants=[grant("readers", "none", "shop")]), base("other", state="absent")],
    ["pg_monitor"],
)
MAY_DROP = Allowed(drops=["other"])


@pytest.fixture
def world():
    return FakeObjects()


def plan(world, wish=None, allowed=MAY_DROP, **found):
    return plan_objects(world.found(**found), WISH if wish is None else wish, allowed)


def carry_out(world, steps):
    for step in steps:
        world.do(step)


def test_all_is_made_and_then_nothing_is_left(world):
    first = plan(world)
    assert first.problems == ()
    carry_out(world, first.steps)
    assert plan(world).steps == ()


@pytest.mark.parametrize("wish", [WISH, LATER], ids=["making", "taking away"])
def test_from_every_interrupted_point_the_rest_is_done(wish):
    whole = FakeObjects()
    if wish is LATER:
        carry_out(whole, plan(whole).steps)
    before = dict(whole.facts)
    steps = plan(whole, wish).steps
    carry_out(whole, steps)
    assert len(steps) > 5
    for done in range(len(steps)):
        world = FakeObjects()
        world.facts = dict(before)
        carry_out(world, steps[:done])
        rest = plan(world, wish).steps
        assert [step.fact for step in rest] == [step.fact for step in steps[done:]]
        carry_out(world, rest)
        assert world.facts == whole.facts


DRIFT = {
    Fact("role", name="reports"): Role(False, 5, VERIFIER),
    Fact("role", name="shop"): Role(True, -1, "SCRAM-SHA-256$4096:of:another"),
    Fact("membership", name="shop", holder="reports"): True,
    Fact("role setting", name="shop", holder="work_mem"): "1GB",
    Fact("database", "shop"): Database("postgres", -1, "UTF8", "C"),
    Fact("database setting", "shop", holder="timezone"): "CET",
    Fact("database privileges", "shop", holder=""): frozenset({"CONNECT"}),
    Fact("schema", "shop", "shop"): "postgres",
    Fact("schema privileges", "shop", "shop", "readers"): frozenset({"USAGE", "CREATE"}),
    Fact("table privileges", "shop", "shop", "readers"): Spread(frozenset(), frozenset({"SELECT"})),
}


@pytest.mark.parametrize("fact", DRIFT, ids=lambda fact: fact.kind)
def test_drift_is_one_step(world, fact):
    carry_out(world, plan(world).steps)
    world.facts[fact] = DRIFT[fact]
    (step,) = plan(world).steps
    assert (step.fact, step.before, step.after) == (fact, DRIFT[fact], WISH.get(fact))


def test_what_is_not_declared_is_left_alone(world):
    carry_out(world, plan(world).steps)
    world.facts[Fact("role", name="guest")] = Role(True, -1, VERIFIER)
    world.facts[Fact("database", "guest")] = Database("guest", -1)
    world.facts[Fact("role setting", name="guest", holder="work_mem")] = "1GB"
    world.facts[Fact("database privileges", "shop", holder="guest")] = frozenset({"CONNECT"})
    assert plan(world).steps == ()


def test_a_grant_without_tables_is_no_step(world):
    assert [step for step in plan(world).steps if step.fact.kind.startswith("table")] == []


def test_the_cluster_first_then_each_database_then_what_is_dropped(world):
    carry_out(world, plan(world).steps)
    wish = wish_of(
        [user("new"), user("reports", state="absent")],
        [base("b", owner="new"), base("a", owner="new", extensions=["pg_trgm"]), base("other", state="absent")],
        [],
    )
    steps = plan(world, wish).steps
    kinds = [(step.fact.kind, step.fact.database or step.fact.name) for step in steps]
    assert kinds[:3] == [("role", "new"), ("database", "a"), ("database", "b")]
    assert kinds[-3:] == [("extension", "a"), ("database", "other"), ("role", "reports")]
    assert [len(batch) for batch in batches(steps)] == [1, 1, 1, 2, 1, 1, 1]


def refused(world, wish, **found):
    return "; ".join(plan(world, wish, Allowed(), **found).problems)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (wish_of([], [base("other", state="absent")], []), "dropped only with its owner's word"),
        (
            wish_of([], [base("shop", schemas=[{"name": "shop", "owner": "", "state": "absent"}])], []),
            '-e \'{"drop": ["shop/shop"]}\'',
        ),
        (wish_of([user("postgres")], [], []), "a superuser"),
        (wish_of([user("shop", verifier=None)], [], []), "a password that this control node does not know"),
        (wish_of([], [base("new", owner="stranger")], []), "database new: there is no user stranger"),
        (wish_of([user("shop", member_of=["stranger"])], [], []), "there is no user stranger"),
        (wish_of([], [base("shop", grants=[grant("stranger", "read")])], []), "there is no user stranger"),
        (wish_of([user("shop", state="absent")], [base("new")], []), "database new: there is no user shop"),
        (wish_of([], [base("shop", extensions=["nonesuch"])], []), "does not have its files"),
        (wish_of([], [base("shop", encoding="LATIN1")], []), "LATIN1 can only be chosen when a database is made"),
        (wish_of([], [base("broken")], []), "its removal was interrupted"),
    ],
)
def test_refusals(world, wish, reason):
    carry_out(world, plan(world).steps)
    world.facts[Fact("database", "broken")] = Database("shop", -2, "UTF8", "C")
    assert reason in refused(world, wish)


def test_who_owns_something_stays(world):
    carry_out(world, plan(world).steps)
    wish = wish_of([user("reports", state="absent")], [base("other", state="absent")], [])
    assert "it owns 2 objects in the database shop" in refused(world, wish, owned={"reports": {"shop": 2}})
    going = plan(world, wish, MAY_DROP, owned={"reports": {"other": 2}})
    assert going.problems == ()


def test_an_extension_waits_for_its_library(world):
    wish = wish_of([user("shop")], [base("shop", extensions=["pg_cron"])], [])
    needs = Allowed(preloads={"pg_cron": "pg_cron"})
    extension = Fact("extension", "shop", "pg_cron")
    waiting = plan(world, wish, needs)
    assert waiting.waiting == (extension,)
    assert extension not in [step.fact for step in waiting.steps]
    ready = plan(world, wish, needs, loaded=frozenset({"pg_cron"}))
    assert ready.waiting == ()
    assert extension in [step.fact for step in ready.steps]


def test_check_mode_foresees_packages(world):
    wish = wish_of([user("shop")], [base("shop", extensions=["vector"])], [])
    assert plan(world, wish, Allowed(installs=["vector"])).problems == ()
    assert "does not have its files" in refused(world, wish)


@pytest.mark.parametrize("existed", [True, False])
def test_a_user_who_goes_may_be_named_as_one_without_access(world, existed):
    if existed:
        carry_out(world, plan(world).steps)
    users = [user("shop"), user("reports", state="absent")]
    wish = wish_of(users, [base("shop", grants=[grant("reports", "none")])], [])
    made = plan(world, wish)
    assert made.problems == ()
    carry_out(world, made.steps)
    assert plan(world, wish).steps == ()


def test_no_verifier_is_said(world):
    old = Role(True, -1, "SCRAM-SHA-256$4096:of:another")
    said = difference(Fact("role", name="shop"), old, Role(True, -1, VERIFIER))
    assert said == (
        "user shop: login, any number of connections, password another\n",
        "user shop: login, any number of connections, password as declared\n",
    )
    assert "SCRAM" not in repr(old)


def test_a_visitor_who_owns_a_database_keeps_what_owners_may():
    held = [fact for fact in wish_of([], [base("shop")], ["pg_monitor", "shop"]) if fact.kind == "database privileges"]
    assert {fact.holder for fact in held} == {"", "pg_monitor"}


def test_other_spellings_of_an_encoding_are_the_same(world):
    carry_out(world, plan(world).steps)
    world.facts[Fact("database", "shop")] = Database("shop", -1, "UTF8", "en_US.utf8")
    assert plan(world, wish_of([], [base("shop", encoding="utf-8", locale="en_US.UTF-8")], [])).problems == ()
