# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared users and databases, as the files of their passwords, as the module takes them, and as PgBouncer does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.filter.scram import scram_verifier

Declared = Sequence[Mapping[str, Any]]

# What a declaration calls it, and what PgBouncer does.
POOL_OPTIONS = {"size": "pool_size", "mode": "pool_mode", "max_connections": "max_db_connections"}
# A name of any other kind would end the loading of its configuration: keys are not quoted (cfparser.c of libusual).
SPEAKABLE = re.compile(r"[A-Za-z0-9_.-]+")
CONSOLE = "pgbouncer"


def database_secrets(users: Declared, folder: str) -> dict[str, str]:
    """Any name makes a file's name: what is not plain is written as in a URL."""
    return {
        str(user["name"]): f"{folder}/{quote(str(user['name']), safe='')}.password"
        for user in users
        if user.get("login", True) and user.get("state") != "absent" and not user.get("password")
    }


def database_users(users: Declared, passwords: Mapping[str, str], cluster: str) -> list[dict[str, Any]]:
    """The name is in the salt, so that two users with the same password have different verifiers."""
    return [_without_password(user, passwords, cluster) for user in users]


def _without_password(user: Mapping[str, Any], passwords: Mapping[str, str], cluster: str) -> dict[str, Any]:
    told = {key: value for key, value in user.items() if key != "password"}
    password = user.get("password") or passwords.get(str(user["name"]))
    if password and user.get("login", True):
        told["verifier"] = scram_verifier(str(password), f"{cluster}/{user['name']}")
    return told


def pooler_databases(databases: Declared, port: int) -> dict[str, str]:
    """A name that its configuration cannot hold is left to the wildcard, unless it shall have a pool of its own."""
    return {
        str(base["name"]): " ".join(_connection(base.get("pool") or {}, port))
        for base in databases
        if base.get("state") != "absent" and _can_be_listed(base)
    }


def _can_be_listed(base: Mapping[str, Any]) -> bool:
    name = str(base["name"])
    if SPEAKABLE.fullmatch(name) and name != CONSOLE:
        return True
    if base.get("pool"):
        raise AnsibleFilterError(
            f"PgBouncer's configuration takes no database {name!r}: it can have no 'pool' of its own"
        )
    return False


def _connection(pool: Mapping[str, Any], port: int) -> list[str]:
    if unknown := sorted(set(pool) - set(POOL_OPTIONS)):
        raise AnsibleFilterError(f"a 'pool' has {', '.join(unknown)}; known are {', '.join(POOL_OPTIONS)}")
    return ["host=127.0.0.1", f"port={port}", *(f"{POOL_OPTIONS[key]}={value}" for key, value in pool.items())]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "database_secrets": database_secrets,
            "database_users": database_users,
            "pooler_databases": pooler_databases,
        }
