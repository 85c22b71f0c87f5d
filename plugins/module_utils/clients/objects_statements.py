# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of users, databases and what is in them, as SQL. Names and values are always quoted by psycopg."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import objects_catalog as catalog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.objects import (
    PUBLIC,
    Database,
    Fact,
    Role,
    Spread,
)

with suppress(ImportError):  # told when it is needed, so that documentation tools can load this file without it
    from psycopg.sql import SQL, Composable, Identifier, Literal

Change = Callable[["catalog.Ask", Fact, Any, Any], "Iterator[Composable]"]

# Who has given a membership; before version 16 whoever takes it away need not be the same.
GIVERS = """
    SELECT pg_get_userbyid(a.grantor), current_setting('server_version_num')::int >= 160000 FROM pg_auth_members AS a
    JOIN pg_roles AS g ON g.oid = a.roleid JOIN pg_roles AS m ON m.oid = a.member
    WHERE g.rolname = %s AND m.rolname = %s
"""


def statements(ask: catalog.Ask, fact: Fact, before: Any, after: Any) -> Iterator[Composable]:
    """What makes a fact what it shall be, in order. `ask` looks at the catalogs meanwhile."""
    yield from CHANGES[fact.kind](ask, fact, before, after)


def _role(ask: catalog.Ask, fact: Fact, before: Role | None, after: Role | None) -> Iterator[Composable]:
    name = Identifier(fact.name)
    if after is None:
        yield SQL("DROP ROLE {}").format(name)
        return
    if before is None:
        yield SQL("CREATE ROLE {}").format(name)
    login = SQL("LOGIN" if after.login else "NOLOGIN")
    yield SQL("ALTER ROLE {} {} CONNECTION LIMIT {}").format(name, login, Literal(after.connection_limit))
    if before is None or before.password != after.password:
        password = Literal(after.password) if after.password else SQL("NULL")
        yield SQL("ALTER ROLE {} PASSWORD {}").format(name, password)


def _membership(ask: catalog.Ask, fact: Fact, before: Any, after: Any) -> Iterator[Composable]:
    group, member = Identifier(fact.name), Identifier(fact.holder)
    if after:
        yield SQL("GRANT {} TO {}").format(group, member)
        return
    for giver, must_be_named in ask(GIVERS, [fact.name, fact.holder]):
        by = SQL(" GRANTED BY {}").format(Identifier(giver)) if must_be_named else SQL("")
        yield SQL("REVOKE {} FROM {}{}").format(group, member, by)


def _setting(ask: catalog.Ask, fact: Fact, before: Any, after: Any) -> Iterator[Composable]:
    of_database = fact.kind == "database setting"
    what, whose = ("DATABASE", fact.database) if of_database else ("ROLE", fact.name)
    about = SQL("ALTER {} {} ").format(SQL(what), Identifier(whose))
    name = Identifier(*fact.holder.split("."))
    if after is None:
        yield about + SQL("RESET {}").format(name)
        return
    values = after if isinstance(after, tuple) else (after,)
    listed = SQL(", ").join([Literal(value) for value in values]) if values else Literal("")
    yield about + SQL("SET {} TO {}").format(name, listed)


def _database(ask: catalog.Ask, fact: Fact, before: Any, after: Database | None) -> Iterator[Composable]:
    name = Identifier(fact.database)
    if after is None:
        yield SQL("DROP DATABASE {} WITH (FORCE)").format(name)
        return
    if before is None:
        yield _creation(name, after)
        return
    if before.owner != after.owner:
        yield SQL("ALTER DATABASE {} OWNER TO {}").format(name, Identifier(after.owner))
    yield SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(name, Literal(after.connection_limit))


def _creation(name: Identifier, wish: Database) -> Composable:
    options = {"ENCODING": wish.encoding, "LOCALE": wish.locale}
    # Only the empty template may be copied into another encoding or locale.
    template = SQL(" TEMPLATE template0") if any(options.values()) else SQL("")
    chosen = [SQL(" {} {}").format(SQL(key), Literal(value)) for key, value in options.items() if value]
    return SQL("CREATE DATABASE {} OWNER {} CONNECTION LIMIT {}{}{}").format(
        name, Identifier(wish.owner), Literal(wish.connection_limit), template, SQL("").join(chosen)
    )


def _schema(ask: catalog.Ask, fact: Fact, before: Any, after: str | None) -> Iterator[Composable]:
    name = Identifier(fact.name)
    if after is None:
        yield SQL("DROP SCHEMA {} CASCADE").format(name)
    elif before is None:
        # A database that was just made has those of its template.
        yield SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name)
        yield SQL("ALTER SCHEMA {} OWNER TO {}").format(name, Identifier(after))
    else:
        yield SQL("ALTER SCHEMA {} OWNER TO {}").format(name, Identifier(after))


def _extension(ask: catalog.Ask, fact: Fact, before: Any, after: Any) -> Iterator[Composable]:
    # Its objects go to the first schema of the path. Otherwise nobody's functions but PostgreSQL's are called.
    yield SQL("SET LOCAL search_path TO public")
    # It may be there by now: from the template, or because another one needed it.
    yield SQL("CREATE EXTENSION IF NOT EXISTS {} CASCADE").format(Identifier(fact.name))
    yield SQL("SET LOCAL search_path TO pg_catalog")


def _entrance(ask: catalog.Ask, fact: Fact, before: Any, after: Any) -> Iterator[Composable]:
    yield from _turn(SQL("DATABASE {}").format(Identifier(fact.database)), fact, before, before, after)


def _on_schema(ask: catalog.Ask, fact: Fact, before: Any, after: Any) -> Iterator[Composable]:
    yield from _turn(SQL("SCHEMA {}").format(Identifier(fact.name)), fact, before, before, after)


def _on_relations(ask: catalog.Ask, fact: Fact, before: Spread, after: Any) -> Iterator[Composable]:
    letter = catalog.RELATION_LETTERS[fact.kind]
    found = ask(catalog.RELATIONS, [[fact.name], [fact.holder]])
    relations = [Identifier(fact.name, name) for _schema, _holder, kind, name, _privileges in found if kind == letter]
    if relations:
        what = SQL("SEQUENCE" if letter == "S" else "TABLE") + SQL(" ") + SQL(", ").join(relations)
        yield from _turn(what, fact, before.everywhere, before.somewhere, after)


def _by_default(ask: catalog.Ask, fact: Fact, before: Any, after: Any) -> Iterator[Composable]:
    what = SQL("SEQUENCES" if "sequence" in fact.kind else "TABLES")
    prefix = SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} ").format(
        Identifier(fact.maker), Identifier(fact.name)
    )
    for statement in _turn(what, fact, before, before, after):
        yield prefix + statement


def _turn(
    what: Composable, fact: Fact, everywhere: Iterable[str] | None, somewhere: Iterable[str] | None, after: Any
) -> Iterator[Composable]:
    """Grant what is not held everywhere, revoke what is held anywhere and not wished."""
    holder = SQL("PUBLIC") if fact.holder == PUBLIC else Identifier(fact.holder)
    wish = set(after or ())
    if missing := sorted(wish - set(everywhere or ())):
        yield SQL("GRANT {} ON {} TO {}").format(SQL(", ").join(map(SQL, missing)), what, holder)
    if excess := sorted(set(somewhere or ()) - wish):
        yield SQL("REVOKE {} ON {} FROM {}").format(SQL(", ").join(map(SQL, excess)), what, holder)


CHANGES: dict[str, Change] = {
    "role": _role,
    "membership": _membership,
    "role setting": _setting,
    "database": _database,
    "database setting": _setting,
    "database privileges": _entrance,
    "schema": _schema,
    "extension": _extension,
    "schema privileges": _on_schema,
    "table privileges": _on_relations,
    "sequence privileges": _on_relations,
    "default table privileges": _by_default,
    "default sequence privileges": _by_default,
}
