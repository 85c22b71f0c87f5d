# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory declares of users and databases, as the facts that shall be true; None is what shall not exist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.objects import PUBLIC, Database, Fact, Role

Declared = Mapping[str, Any]

LONGEST_NAME = 63  # bytes (NAMEDATALEN - 1); PostgreSQL would shorten a longer one without a word
SYSTEM_DATABASES = ("postgres", "template0", "template1")
NO_ROLES = ("public", "none")

# On the schema, on its tables, on its sequences. Everybody with access may connect, and make temporary tables.
ACCESS: dict[str, tuple[frozenset[str], frozenset[str], frozenset[str]]] = {
    "none": (frozenset(), frozenset(), frozenset()),
    "read": (frozenset({"USAGE"}), frozenset({"SELECT"}), frozenset({"SELECT"})),
    "write": (
        frozenset({"USAGE"}),
        frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"}),
        frozenset({"SELECT", "USAGE"}),
    ),
    "all": (
        frozenset({"USAGE", "CREATE"}),
        frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"}),
        frozenset({"SELECT", "USAGE", "UPDATE"}),
    ),
}
TABLE_PRIVILEGES = ACCESS["all"][1]
SEQUENCE_PRIVILEGES = ACCESS["all"][2]
CONNECTING = frozenset({"CONNECT", "TEMPORARY"})

# Their values are lists of names, each of which PostgreSQL quotes on its own (GUC_LIST_QUOTE in guc_tables.c).
LISTS = (
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
)


def problems(users: Sequence[Declared], databases: Sequence[Declared], reserved: Iterable[str]) -> list[str]:
    """What speaks against a declaration, whatever the cluster is like."""
    kept = {*reserved, *NO_ROLES}
    return [
        *_twice("the user", users),
        *_twice("the database", databases),
        *(f"the user {_shown(user['name'])}: {why}" for user in users for why in _bad_user(user, kept)),
        *(f"the database {_shown(base['name'])}: {why}" for base in databases for why in _bad_database(base)),
    ]


def _twice(what: str, declared: Sequence[Declared]) -> Iterator[str]:
    for name, times in Counter(each["name"] for each in declared).items():
        if times > 1:
            yield f"{what} {_shown(name)} is declared {times} times"


def _bad_user(user: Declared, kept: set[str]) -> Iterator[str]:
    name = user["name"]
    yield from _bad_name(name)
    yield from _without_value(user["settings"])
    if name in kept or name.startswith("pg_"):
        yield "this name is the cluster's, or PostgreSQL's own"


def _bad_database(base: Declared) -> Iterator[str]:
    yield from _bad_name(base["name"])
    if base["name"] in SYSTEM_DATABASES:
        yield "this one is PostgreSQL's own"
    if base["state"] == "present" and not base["owner"]:
        yield "it has no 'owner'"
    yield from _without_value(base["settings"])
    for schema in base["schemas"]:
        yield from (f"the schema {_shown(schema['name'])}: {why}" for why in _bad_name(schema["name"]))
    for grant in base["grants"]:
        yield from (f"'grants' to {_shown(grant['to'])}: {why}" for why in _bad_name(grant["to"]))
        if grant["to"] == _owner_of(base, grant["schema"]):
            yield f"'grants' name {_shown(grant['to'])}, who owns the schema and may do everything there already"
    pairs = Counter((grant["to"], grant["schema"]) for grant in base["grants"])
    for (to, schema), times in pairs.items():
        if times > 1:
            yield f"{times} 'grants' to {_shown(to)} in the schema {_shown(schema)}"


def _without_value(settings: Declared) -> Iterator[str]:
    yield from (f"'settings': {_shown(name)} has no value" for name, value in settings.items() if value is None)


def _bad_name(name: str) -> Iterator[str]:
    if not name or "\0" in name:
        yield "a name is a text that is not empty and has no NUL in it"
    if len(name.encode()) > LONGEST_NAME:
        yield f"a name has at most {LONGEST_NAME} bytes, this one has {len(name.encode())}"


def wish_of(users: Sequence[Declared], databases: Sequence[Declared], visitors: Iterable[str]) -> dict[Fact, Any]:
    """The facts that shall be. `visitors` may connect to every database."""
    facts: dict[Fact, Any] = {}
    for user in users:
        facts.update(_user(user))
    for base in databases:
        facts.update(_database(base, visitors))
    return facts


def _user(user: Declared) -> Iterator[tuple[Fact, Any]]:
    name = user["name"]
    if user["state"] == "absent":
        yield Fact("role", name=name), None
        return
    password = user["verifier"] if user["login"] else ""
    yield Fact("role", name=name), Role(user["login"], user["connection_limit"], password)
    yield from ((Fact("membership", name=group, holder=name), True) for group in user["member_of"])
    yield from _settings(Fact("role setting", name=name), user["settings"])


def _settings(about: Fact, settings: Declared) -> Iterator[tuple[Fact, Any]]:
    yield from ((about._replace(holder=name.lower()), setting(name, value)) for name, value in settings.items())


def setting(name: str, value: Any) -> str | tuple[str, ...]:
    """A value as PostgreSQL keeps it: a text, or the names of a list."""
    if name.lower() in LISTS:
        return (tuple(str(each) for each in value) or ("",)) if isinstance(value, list) else names_of(str(value))
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def names_of(text: str) -> tuple[str, ...]:
    """The names of a list such as `shop, "$user"`; of an empty one, an empty name."""
    names, name, quoted, given = [], "", False, False
    for index, char in enumerate(text):
        if char == '"':
            # Two of them in a quoted name are one.
            name += char if not quoted and index and text[index - 1] == '"' and given else ""
            quoted, given = not quoted, True
        elif char == "," and not quoted:
            names.append(name)
            name, given = "", False
        elif quoted or not char.isspace():
            name, given = name + char, True
    return (*names, name)


def _database(base: Declared, visitors: Iterable[str]) -> Iterator[tuple[Fact, Any]]:
    name = base["name"]
    if base["state"] == "absent":
        yield Fact("database", name), None
        return
    yield Fact("database", name), Database(base["owner"], base["connection_limit"], base["encoding"], base["locale"])
    yield from _settings(Fact("database setting", name), base["settings"])
    yield from _entrance(base, visitors)
    for schema in base["schemas"]:
        owner = _owner_of(base, schema["name"]) if schema["state"] == "present" else None
        yield Fact("schema", name, schema["name"]), owner
    yield from ((Fact("extension", name, extension), True) for extension in base["extensions"])
    for grant in base["grants"]:
        yield from _grant(name, grant, _owner_of(base, grant["schema"]))


def _owner_of(base: Declared, schema: str) -> str:
    """As far as it is declared; else whoever owns the database."""
    declared = (each["owner"] for each in base["schemas"] if each["name"] == schema)
    owner: str = next(declared, "") or base["owner"]
    return owner


def _entrance(base: Declared, visitors: Iterable[str]) -> Iterator[tuple[Fact, frozenset[str]]]:
    """Who gets in: whoever has access to something; everybody only where that is declared."""
    strangers = (visitor for visitor in visitors if visitor != base["owner"])
    may: dict[str, frozenset[str]] = {visitor: frozenset({"CONNECT"}) for visitor in strangers}
    may[PUBLIC] = CONNECTING if base["public"] else frozenset()
    for grant in base["grants"]:
        gets = CONNECTING if grant["access"] != "none" else frozenset()
        may[grant["to"]] = may.get(grant["to"], frozenset()) | gets
    yield from ((Fact("database privileges", base["name"], holder=who), what) for who, what in may.items())


def _grant(database: str, grant: Declared, maker: str) -> Iterator[tuple[Fact, frozenset[str]]]:
    on_schema, on_tables, on_sequences = ACCESS[grant["access"]]
    about = Fact("schema privileges", database, grant["schema"], grant["to"])
    yield about, on_schema
    yield about._replace(kind="table privileges"), on_tables
    yield about._replace(kind="sequence privileges"), on_sequences
    yield about._replace(kind="default table privileges", maker=maker), on_tables
    yield about._replace(kind="default sequence privileges", maker=maker), on_sequences


def _shown(name: str) -> str:
    """A name within a sentence; one that is not plain is quoted, so that nobody is misled by it."""
    return name if name.isidentifier() and name.isascii() else repr(name)
