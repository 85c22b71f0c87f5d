# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The questions by which the catalogs of PostgreSQL 15 to 18 tell of users, databases and what is in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.objects import Database, Fact, Role, Spread
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.declaration import (
    LISTS,
    SEQUENCE_PRIVILEGES,
    TABLE_PRIVILEGES,
    names_of,
)

Ask = Callable[..., list[tuple[Any, ...]]]

ROLES = """
    SELECT rolname, rolcanlogin, rolconnlimit, coalesce(rolpassword, ''), rolsuper OR rolreplication FROM pg_authid
"""
MEMBERSHIPS = """
    SELECT DISTINCT g.rolname, m.rolname FROM pg_auth_members AS a
    JOIN pg_roles AS g ON g.oid = a.roleid JOIN pg_roles AS m ON m.oid = a.member
"""
DATABASES = """
    SELECT datname, pg_get_userbyid(datdba), datconnlimit, pg_encoding_to_char(encoding), datcollate FROM pg_database
"""
# Those of a user in all databases, and of a database for all users.
SETTINGS = """
    SELECT coalesce(d.datname, ''), coalesce(r.rolname, ''), unnest(s.setconfig) FROM pg_db_role_setting AS s
    LEFT JOIN pg_database AS d ON d.oid = s.setdatabase LEFT JOIN pg_roles AS r ON r.oid = s.setrole
    WHERE (s.setdatabase = 0) <> (s.setrole = 0)
"""
ENTRANCE = """
    SELECT d.datname, coalesce(r.rolname, ''), array_agg(a.privilege_type) FROM pg_database AS d
    CROSS JOIN aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
    LEFT JOIN pg_roles AS r ON r.oid = a.grantee GROUP BY 1, 2
"""
# Default privileges count as owned, and go by DROP OWNED alone: they are no reason to keep somebody.
OWNED = """
    SELECT r.rolname, coalesce(d.datname, ''), count(*) FROM pg_shdepend AS s JOIN pg_roles AS r ON r.oid = s.refobjid
    LEFT JOIN pg_database AS d
        ON d.oid = CASE WHEN s.classid = 'pg_database'::regclass THEN s.objid ELSE s.dbid END
    WHERE s.refclassid = 'pg_authid'::regclass AND s.deptype = 'o' AND r.rolname = ANY(%s)
        AND s.classid <> 'pg_default_acl'::regclass
    GROUP BY 1, 2
"""
LOADED = "SELECT current_setting('shared_preload_libraries')"
AVAILABLE = "SELECT name FROM pg_available_extensions"

SCHEMAS = "SELECT nspname, pg_get_userbyid(nspowner) FROM pg_namespace"
EXTENSIONS = "SELECT extname FROM pg_extension"
ON_SCHEMAS = """
    SELECT n.nspname, r.rolname, array_agg(a.privilege_type) FROM pg_namespace AS n
    CROSS JOIN aclexplode(n.nspacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee GROUP BY 1, 2
"""
DEFAULTS = """
    SELECT d.defaclobjtype::text, n.nspname, r.rolname, pg_get_userbyid(d.defaclrole), array_agg(a.privilege_type)
    FROM pg_default_acl AS d JOIN pg_namespace AS n ON n.oid = d.defaclnamespace
    CROSS JOIN aclexplode(d.defaclacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee GROUP BY 1, 2, 3, 4
"""
# Tables, views, partitions ('t') and sequences ('S') of schemas, but for those of extensions and the holder's own.
RELATIONS = """
    SELECT w.schema, w.holder, CASE c.relkind WHEN 'S' THEN 'S' ELSE 't' END, c.relname,
           ARRAY(SELECT a.privilege_type FROM aclexplode(c.relacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee
                 WHERE r.rolname = w.holder)
    FROM (SELECT unnest(%s::text[]) AS schema, unnest(%s::text[]) AS holder) AS w
    JOIN pg_namespace AS n ON n.nspname = w.schema
    JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    WHERE pg_get_userbyid(c.relowner) <> w.holder
      AND NOT EXISTS (SELECT FROM pg_depend AS e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid
                      AND e.deptype = 'e')
"""
RELATION_KINDS = {"t": "table privileges", "S": "sequence privileges"}
RELATION_LETTERS = {kind: letter for letter, kind in RELATION_KINDS.items()}
DEFAULT_KINDS = {"r": "default table privileges", "S": "default sequence privileges"}
# Newer versions know more of them, which are nobody's business here.
KNOWN = {"table privileges": TABLE_PRIVILEGES, "sequence privileges": SEQUENCE_PRIVILEGES}


def cluster_facts(ask: Ask) -> Iterator[tuple[Fact, Any]]:
    """What every database shows."""
    for name, login, limit, password, is_privileged in ask(ROLES):
        yield Fact("role", name=name), Role(login, limit, password, is_privileged)
    yield from ((Fact("membership", name=group, holder=member), True) for group, member in ask(MEMBERSHIPS))
    for name, owner, limit, encoding, locale in ask(DATABASES):
        yield Fact("database", name), Database(owner, limit, encoding, locale)
    for database, role, told in ask(SETTINGS):
        kind = "database setting" if database else "role setting"
        name, _equals, value = told.partition("=")
        name = name.lower()
        yield Fact(kind, database, role, name), names_of(value) if name in LISTS else value
    for database, holder, privileges in ask(ENTRANCE):
        yield Fact("database privileges", database, holder=holder), frozenset(privileges)


def inner_facts(ask: Ask, database: str, wanted: Iterable[Fact]) -> Iterator[tuple[Fact, Any]]:
    """What only the database itself shows; of tables, what is `wanted`."""
    for name, owner in ask(SCHEMAS):
        yield Fact("schema", database, name), owner
    yield from ((Fact("extension", database, name), True) for (name,) in ask(EXTENSIONS))
    for schema, holder, privileges in ask(ON_SCHEMAS):
        yield Fact("schema privileges", database, schema, holder), frozenset(privileges)
    for letter, schema, holder, maker, privileges in ask(DEFAULTS):
        if letter in DEFAULT_KINDS:
            kind = DEFAULT_KINDS[letter]
            known = KNOWN[kind.removeprefix("default ")]
            yield Fact(kind, database, schema, holder, maker), frozenset(privileges) & known
    yield from _spreads(ask, database, wanted)


def _spreads(ask: Ask, database: str, wanted: Iterable[Fact]) -> Iterator[tuple[Fact, Spread]]:
    pairs = sorted({(fact.name, fact.holder) for fact in wanted if fact.kind in RELATION_LETTERS})
    held: dict[Fact, list[frozenset[str]]] = defaultdict(list)
    if pairs:
        for schema, holder, letter, _name, privileges in ask(
            RELATIONS, [list(column) for column in zip(*pairs, strict=True)]
        ):
            kind = RELATION_KINDS[letter]
            held[Fact(kind, database, schema, holder)].append(frozenset(privileges) & KNOWN[kind])
    for fact, sets in held.items():
        yield fact, Spread(frozenset.intersection(*sets), frozenset.union(*sets))
