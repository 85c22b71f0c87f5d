# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import objects_catalog as catalog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.objects_statements import (
    CHANGES,
    GIVERS,
    statements,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.objects import (
    KINDS,
    Database,
    Fact,
    Role,
    Spread,
)

EVIL = "o\"dd's {} %s;--"
EVIL_NAME = '"o""dd\'s {} %s;--"'
EVIL_TEXT = "'o\"dd''s {} %s;--'"
ANSWERS = {
    GIVERS: [("postgres", True), ("admin", True)],
    catalog.RELATIONS: [("shop", "reports", "t", "orders", []), ("shop", "reports", "S", "numbers", [])],
}


def ask(statement, values=None):
    return ANSWERS[statement]


def sql(fact, before, after):
    return [statement.as_string(None) for statement in statements(ask, fact, before, after)]


def test_every_kind_can_be_changed():
    assert set(CHANGES) == set(KINDS)


READ = frozenset({"SELECT"})
ON = Fact("table privileges", "shop", "shop", "reports")


@pytest.mark.parametrize(
    ("fact", "before", "after", "expected"),
    [
        (
            Fact("role", name=EVIL),
            None,
            Role(True, 5, EVIL),
            [
                f"CREATE ROLE {EVIL_NAME}",
                f"ALTER ROLE {EVIL_NAME} LOGIN CONNECTION LIMIT 5",
                f"ALTER ROLE {EVIL_NAME} PASSWORD {EVIL_TEXT}",
            ],
        ),
        (
            Fact("role", name="shop"),
            Role(True, 5, "same"),
            Role(True, -1, "same"),
            ['ALTER ROLE "shop" LOGIN CONNECTION LIMIT -1'],
        ),
        (
            Fact("role", name="shop"),
            Role(True, -1, "old"),
            Role(False, -1, ""),
            ['ALTER ROLE "shop" NOLOGIN CONNECTION LIMIT -1', 'ALTER ROLE "shop" PASSWORD NULL'],
        ),
        (Fact("role", name=EVIL), Role(True, -1, ""), None, [f"DROP ROLE {EVIL_NAME}"]),
        (Fact("membership", name="readers", holder=EVIL), None, True, [f'GRANT "readers" TO {EVIL_NAME}']),
        (
            Fact("membership", name="readers", holder="shop"),
            True,
            None,
            [
                'REVOKE "readers" FROM "shop" GRANTED BY "postgres"',
                'REVOKE "readers" FROM "shop" GRANTED BY "admin"',
            ],
        ),
        (
            Fact("role setting", name="shop", holder="search_path"),
            None,
            (EVIL, "public"),
            [f'ALTER ROLE "shop" SET "search_path" TO {EVIL_TEXT}, \'public\''],
        ),
        (
            Fact("database setting", "shop", holder="pgaudit.log"),
            None,
            "all",
            ['ALTER DATABASE "shop" SET "pgaudit"."log" TO \'all\''],
        ),
        (Fact("database setting", "shop", holder="jit"), "off", None, ['ALTER DATABASE "shop" RESET "jit"']),
        (
            Fact("database", EVIL),
            None,
            Database(EVIL, -1),
            [f"CREATE DATABASE {EVIL_NAME} OWNER {EVIL_NAME} CONNECTION LIMIT -1"],
        ),
        (
            Fact("database", "shop"),
            None,
            Database("shop", 9, "LATIN1", "C"),
            [
                'CREATE DATABASE "shop" OWNER "shop" CONNECTION LIMIT 9 TEMPLATE template0'
                " ENCODING 'LATIN1' LOCALE 'C'"
            ],
        ),
        (
            Fact("database", "shop"),
            Database("other", -1),
            Database("shop", 9),
            ['ALTER DATABASE "shop" OWNER TO "shop"', 'ALTER DATABASE "shop" CONNECTION LIMIT 9'],
        ),
        (Fact("database", EVIL), Database("shop", -1), None, [f"DROP DATABASE {EVIL_NAME} WITH (FORCE)"]),
        (
            Fact("schema", "shop", EVIL),
            None,
            "shop",
            [f"CREATE SCHEMA IF NOT EXISTS {EVIL_NAME}", f'ALTER SCHEMA {EVIL_NAME} OWNER TO "shop"'],
        ),
        (Fact("schema", "shop", EVIL), "shop", None, [f"DROP SCHEMA {EVIL_NAME} CASCADE"]),
        (
            Fact("database privileges", "shop"),
            frozenset({"CONNECT", "TEMPORARY"}),
            frozenset(),
            ['REVOKE CONNECT, TEMPORARY ON DATABASE "shop" FROM PUBLIC'],
        ),
        (
            ON,
            Spread(frozenset(), frozenset({"SELECT", "DELETE"})),
            READ,
            [
                'GRANT SELECT ON TABLE "shop"."orders" TO "reports"',
                'REVOKE DELETE ON TABLE "shop"."orders" FROM "reports"',
            ],
        ),
        (
            ON._replace(kind="sequence privileges"),
            Spread(frozenset(), frozenset()),
            READ,
            ['GRANT SELECT ON SEQUENCE "shop"."numbers" TO "reports"'],
        ),
        (
            ON._replace(kind="default table privileges", maker=EVIL),
            None,
            READ,
            [f'ALTER DEFAULT PRIVILEGES FOR ROLE {EVIL_NAME} IN SCHEMA "shop" GRANT SELECT ON TABLES TO "reports"'],
        ),
    ],
)
def test_statements(fact, before, after, expected):
    assert [" ".join(statement.split()) for statement in sql(fact, before, after)] == expected


def test_an_extension_is_made_where_its_functions_are_found():
    path, create, back = sql(Fact("extension", "shop", "pg_trgm"), None, True)
    assert create == 'CREATE EXTENSION IF NOT EXISTS "pg_trgm" CASCADE'
    assert (path, back) == ("SET LOCAL search_path TO public", "SET LOCAL search_path TO pg_catalog")
