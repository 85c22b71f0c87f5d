# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, databases and what is in them, in words: for plans, reports and diffs. No verifier is ever said."""

from __future__ import annotations

from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.objects import Database, Fact, Role, Spread


def named(fact: Fact) -> str:
    """What a fact is about."""
    database, name, holder = (quoted(part) for part in (fact.database, fact.name, fact.holder or "everybody"))
    words = {
        "role": f"user {name}",
        "membership": f"user {holder} as member of {name}",
        "role setting": f"user {name}, {fact.holder}",
        "database": f"database {database}",
        "database setting": f"database {database}, {fact.holder}",
        "database privileges": f"database {database}, privileges of {holder}",
        "schema": f"database {database}, schema {name}",
        "extension": f"database {database}, extension {name}",
        "default table privileges": f"database {database}, schema {name}, future tables of {quoted(fact.maker)}, "
        f"privileges of {holder}",
        "default sequence privileges": f"database {database}, schema {name}, future sequences of {quoted(fact.maker)}, "
        f"privileges of {holder}",
    }
    what = fact.kind.partition(" ")[0]
    on = "" if what == "schema" else f", all {what}s"
    return words.get(fact.kind, f"database {database}, schema {name}{on}, privileges of {holder}")


def action(fact: Fact, before: Any, after: Any) -> str:
    """What is done."""
    verb = "drop" if after is None else "make" if before is None else "change"
    return f"{verb} {named(fact)}"


def described(fact: Fact, value: Any, password: str) -> str:
    """A fact's value; `password` is what is said of a role's."""
    if isinstance(value, Role):
        login = "login" if value.login else "no login"
        return f"{login}, {_limit(value.connection_limit)}, password {password}"
    if isinstance(value, Database):
        return f"owner {quoted(value.owner)}, {_limit(value.connection_limit)}"
    if isinstance(value, Spread):
        return f"{_listed(value.everywhere)} on all, {_listed(value.somewhere)} on some"
    if isinstance(value, frozenset):
        return _listed(value)
    if value is True:
        return "present"
    if fact.kind == "schema":
        return f"owner {quoted(value)}"
    return ", ".join(map(quoted, value)) if isinstance(value, tuple) else str(value)


def difference(fact: Fact, before: Any, after: Any) -> tuple[str, str]:
    """Before and after, each as a line; empty for what is not there."""
    kept = isinstance(before, Role) and isinstance(after, Role) and before.password == after.password
    return _line(fact, before, "as declared" if kept else "another"), _line(fact, after, "as declared")


def _line(fact: Fact, value: Any, password: str) -> str:
    if value is None:
        return ""
    if isinstance(value, Role) and value.password == "":
        password = "none"
    return f"{named(fact)}: {described(fact, value, password)}\n"


def quoted(name: str) -> str:
    """A name that is not plain is quoted as SQL does it, in one line."""
    if name.replace("-", "_").isidentifier():
        return name
    return '"' + name.replace('"', '""').replace("\n", "\\n").replace("\r", "\\r") + '"'


def _limit(connections: int) -> str:
    return "any number of connections" if connections < 0 else f"at most {connections} connections"


def _listed(privileges: frozenset[str]) -> str:
    return ", ".join(sorted(privileges)) or "nothing"
