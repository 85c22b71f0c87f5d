# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done so that users and databases are what they shall be, in order; or why it is not done."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.objects import (
    INSIDE,
    KINDS,
    PUBLIC,
    Database,
    Fact,
    Facts,
    Found,
    Role,
    Spread,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.declaration import CONNECTING
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.objects_words import named

# Of whoever is declared, what is not declared is taken away.
EXACT = ("membership", "role setting", "database setting")
HOLDS_DATA = ("database", "schema")
DROPPED = ("role", *HOLDS_DATA)
PRIVILEGES = tuple(kind for kind in KINDS if kind.endswith("privileges"))
ON_RELATIONS = ("table privileges", "sequence privileges")
NOTHING: frozenset[str] = frozenset()
INVALID = -2  # pg_database.datconnlimit of a database whose removal was interrupted


@dataclass(frozen=True)
class Step:
    """One fact that is to change. None is what is not there."""

    fact: Fact
    before: Any
    after: Any

    @property
    def drops(self) -> bool:
        return self.after is None and self.fact.kind in DROPPED

    @property
    def place(self) -> str:
        """The database in which it is done; empty where any will do."""
        return self.fact.database if self.fact.kind in INSIDE else ""

    @property
    def stands_alone(self) -> bool:
        """Databases are made and dropped outside of transactions; of a role, traces may be in many databases."""
        return self.drops or (self.fact.kind == "database" and self.before is None)


@dataclass(frozen=True)
class Allowed:
    """What goes beyond the declaration: what may be dropped (`shop`, `shop/old`), what extensions need loaded first."""

    drops: Collection[str] = ()
    preloads: Mapping[str, str] | None = None
    installs: Collection[str] = ()
    """Extensions whose packages a run outside of check mode would have installed."""


@dataclass(frozen=True)
class ObjectsPlan:
    steps: tuple[Step, ...]
    waiting: tuple[Fact, ...]
    """Extensions that can be made only after a restart of PostgreSQL."""
    problems: tuple[str, ...]


def plan_objects(found: Found, wish: Facts, allowed: Allowed) -> ObjectsPlan:
    """Compare. Nothing may be done while there are problems."""
    steps = [*_wished(found.facts, wish), *_undeclared(found.facts, wish)]
    waiting = [step.fact for step in steps if _waits(step, found, allowed)]
    due = sorted((step for step in steps if step.fact not in waiting), key=_order)
    problems = [problem for step in due for problem in _problems(step, found, wish, allowed)]
    problems += _strangers(found.facts, wish)
    return ObjectsPlan(tuple(due), tuple(waiting), tuple(dict.fromkeys(problems)))


def satisfies(fact: Fact, before: Any, after: Any) -> bool:
    """Whether what is found is what is wished."""
    if fact.kind in ON_RELATIONS:
        # Without tables there is nothing to grant on; those to come have the default privileges.
        return before is None or before == Spread(after, after)
    if fact.kind in PRIVILEGES:
        return (before or NOTHING) == (after or NOTHING)
    if isinstance(before, Database) and isinstance(after, Database):
        return (before.owner, before.connection_limit) == (after.owner, after.connection_limit)
    return bool(before == after)


def _wished(found: Facts, wish: Facts) -> Iterator[Step]:
    for fact, after in wish.items():
        before = found.get(fact, _as_made(fact, found))
        if not satisfies(fact, before, after):
            yield Step(fact, before, after)


def _as_made(fact: Fact, found: Facts) -> Any:
    """Everybody may connect to a database that is made."""
    entrance = fact.kind == "database privileges" and fact.holder == PUBLIC
    return CONNECTING if entrance and Fact("database", fact.database) not in found else None


def _undeclared(found: Facts, wish: Facts) -> Iterator[Step]:
    for fact, before in found.items():
        if fact.kind in EXACT and fact not in wish and wish.get(_subject(fact)) is not None:
            yield Step(fact, before, None)


def _subject(fact: Fact) -> Fact:
    """Whose membership or setting it is."""
    if fact.kind == "database setting":
        return Fact("database", fact.database)
    return Fact("role", name=fact.holder if fact.kind == "membership" else fact.name)


def _order(step: Step) -> tuple[Any, ...]:
    """The cluster first, then one database after the other, then what is dropped, the other way round."""
    kind = KINDS.index(step.fact.kind)
    if step.drops:
        return (2, "", -kind, step.fact)
    return (1, step.place, kind, step.fact) if step.place else (0, "", kind, step.fact)


def _waits(step: Step, found: Found, allowed: Allowed) -> bool:
    library = (allowed.preloads or {}).get(step.fact.name)
    return step.fact.kind == "extension" and bool(library) and library not in found.loaded


def _problems(step: Step, found: Found, wish: Facts, allowed: Allowed) -> Iterator[str]:
    check = PROBLEMS.get(step.fact.kind)
    if check:
        yield from (f"{named(step.fact)}: {problem}" for problem in check(step, found, wish, allowed))


def _role_problems(step: Step, found: Found, wish: Facts, allowed: Allowed) -> Iterator[str]:
    before, after = step.before, step.after
    if isinstance(before, Role) and before.is_privileged:
        yield "a superuser, or a login for replication, is not managed here"
    if isinstance(before, Role) and isinstance(after, Role) and before.password and after.password is None:
        yield "it has a password that this control node does not know. Next: bring its file, or give 'password'"
    if after is None:
        going = {fact.database for fact, value in wish.items() if fact.kind == "database" and value is None}
        for database, count in found.owned.get(step.fact.name, {}).items():
            if database not in going:
                yield f"it owns {count} objects {_within(database)}. Next: give them to another user"


def _database_problems(step: Step, found: Found, wish: Facts, allowed: Allowed) -> Iterator[str]:
    if isinstance(step.before, Database) and step.after and step.before.connection_limit == INVALID:
        yield "its removal was interrupted, so that it is of no use. Next: state: absent, then declare it again"
    yield from _drop_problems(step, found, wish, allowed)


def _drop_problems(step: Step, found: Found, wish: Facts, allowed: Allowed) -> Iterator[str]:
    if step.drops and word(step.fact) not in allowed.drops:
        told = json.dumps({"drop": [word(step.fact)]}, ensure_ascii=False)
        yield f"it holds data, and is dropped only with its owner's word. Next: -e '{told}'"


def _extension_problems(step: Step, found: Found, wish: Facts, allowed: Allowed) -> Iterator[str]:
    if step.fact.name not in found.available and step.fact.name not in allowed.installs:
        yield "PostgreSQL does not have its files. Next: name its package in databases_extensions"


Problems = Callable[[Step, Found, Facts, Allowed], Iterator[str]]
PROBLEMS: dict[str, Problems] = {
    "role": _role_problems,
    "database": _database_problems,
    "schema": _drop_problems,
    "extension": _extension_problems,
}


def word(fact: Fact) -> str:
    """How an owner names what may be dropped."""
    return f"{fact.database}/{fact.name}" if fact.kind == "schema" else fact.database


def _within(database: str) -> str:
    return f"in the database {database}" if database else "of the whole cluster"


def _strangers(found: Facts, wish: Facts) -> Iterator[str]:
    """Owners, groups and holders of privileges that do not exist and are not declared; and what cannot change."""
    roles = {fact.name for fact in found if fact.kind == "role"}
    roles |= {fact.name for fact, value in wish.items() if fact.kind == "role" and value is not None}
    roles -= {fact.name for fact, value in wish.items() if fact.kind == "role" and value is None}
    for fact, after in wish.items():
        for role in _roles_of(fact, after) - roles:
            yield f"{named(fact)}: there is no user {role}, and none is declared"
        before = found.get(fact)
        if isinstance(before, Database) and isinstance(after, Database):
            yield from (f"{named(fact)}: {problem}" for problem in _fixed(before, after))


def _roles_of(fact: Fact, after: Any) -> set[str]:
    if after is None:
        return set()
    if fact.kind == "membership":
        return {fact.name}
    if fact.kind == "schema":
        return {after}
    if isinstance(after, Database):
        return {after.owner}
    # To have no access, somebody need not exist.
    return {fact.holder} - {PUBLIC} if fact.kind == "database privileges" and after else set()


def _plain(name: str) -> str:
    """Without what PostgreSQL and the C library pass over in names of encodings: UTF-8 is utf8."""
    return "".join(filter(str.isalnum, name.lower()))


def _fixed(before: Database, after: Database) -> Iterator[str]:
    for what in ("encoding", "locale"):
        is_, shall = getattr(before, what), getattr(after, what)
        if shall and _plain(shall) != _plain(is_):
            yield f"its {what} is {is_}, and {shall} can only be chosen when a database is made"
