# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import PurePath
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.filter.databases import (
    database_secrets,
    database_users,
    pooler_databases,
)
from ansible_collections.matriarch.pgcluster.plugins.filter.scram import scram_verifier

HOSTILE = ["../../up", "..", "a/b", 'o"dd', "two\nlines", "ü" * 31, "x" * 63, "{{ x }}"]


def test_who_needs_a_password():
    users: list[dict[str, Any]] = [
        {"name": "plain"},
        {"name": "given", "password": "mine"},
        {"name": "group", "login": False},
        {"name": "gone", "state": "absent"},
    ]
    assert database_secrets(users, "/secrets") == {"plain": "/secrets/plain.password"}


@pytest.mark.parametrize("name", HOSTILE)
def test_every_name_makes_one_file_in_the_folder(name):
    path = PurePath(database_secrets([{"name": name}], "/secrets")[name])
    assert str(path.parent) == "/secrets"
    assert len(path.name.encode()) < 255
    assert "\n" not in path.name


def test_names_do_not_share_a_file():
    paths = database_secrets([{"name": name} for name in [*HOSTILE, "%2E%2E", "a%2Fb"]], "/secrets")
    assert len(set(paths.values())) == len(paths)


def test_passwords_become_verifiers():
    users: list[dict[str, Any]] = [
        {"name": "one", "password": "same"},
        {"name": "two"},
        {"name": "group", "login": False, "password": "unused"},
        {"name": "later"},
    ]
    one, two, group, later = database_users(users, {"two": "same"}, "main")
    assert one == {"name": "one", "verifier": scram_verifier("same", "main/one")}
    assert two == {"name": "two", "verifier": scram_verifier("same", "main/two")}
    assert one["verifier"] != two["verifier"]
    assert group == {"name": "group", "login": False}
    assert later == {"name": "later"}


def test_databases_as_pgbouncer_lists_them():
    databases: list[dict[str, Any]] = [
        {"name": "shop", "pool": {"size": 30, "mode": "session", "max_connections": 60}},
        {"name": "plain"},
        {"name": "gone", "state": "absent"},
        *({"name": name} for name in HOSTILE if name not in ("..", "x" * 63)),
        {"name": "pgbouncer"},
    ]
    assert pooler_databases(databases, 5000) == {
        "shop": "host=127.0.0.1 port=5000 pool_size=30 pool_mode=session max_db_connections=60",
        "plain": "host=127.0.0.1 port=5000",
    }


@pytest.mark.parametrize(
    ("base", "reason"),
    [
        ({"name": 'o"dd', "pool": {"size": 3}}, "it can have no 'pool' of its own"),
        ({"name": "pgbouncer", "pool": {"size": 3}}, "takes no database 'pgbouncer'"),
        ({"name": "shop", "pool": {"sise": 3}}, "a 'pool' has sise; known are size, mode, max_connections"),
    ],
)
def test_pools_that_cannot_be(base, reason):
    with pytest.raises(AnsibleFilterError, match=reason):
        pooler_databases([base], 5000)
