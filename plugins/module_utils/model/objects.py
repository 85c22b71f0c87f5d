# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, databases and what is in them, as facts: what is, and what shall be, are both a dict of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# In the order in which they are made.
KINDS = (
    "role",
    "membership",
    "role setting",
    "database",
    "database setting",
    "database privileges",
    "schema",
    "extension",
    "schema privileges",
    "table privileges",
    "sequence privileges",
    "default table privileges",
    "default sequence privileges",
)

# Catalogs of a database of its own; all other kinds are the cluster's.
INSIDE = KINDS[KINDS.index("schema") :]

PUBLIC = ""
"""Everybody, as the holder of privileges."""


class Fact(NamedTuple):
    """What a fact is about. `holder` is the member, the grantee or the setting; `maker` makes the future objects."""

    kind: str
    database: str = ""
    name: str = ""
    holder: str = ""
    maker: str = ""


@dataclass(frozen=True)
class Role:
    """A user. The password is a verifier, empty for none; None is one that only the control node can tell, later."""

    login: bool
    connection_limit: int
    password: str | None = field(repr=False)
    is_privileged: bool = field(default=False, compare=False)
    """A superuser, or a login for replication."""


@dataclass(frozen=True)
class Database:
    """A database. Empty encoding and locale, in a wish, are whatever the cluster's default is."""

    owner: str
    connection_limit: int
    encoding: str = ""
    locale: str = ""


@dataclass(frozen=True)
class Spread:
    """Privileges that are held on every table of a schema, and on some of them."""

    everywhere: frozenset[str]
    somewhere: frozenset[str]


Facts = Mapping[Fact, Any]


@dataclass(frozen=True)
class Found:
    """What the leader tells. `owned` counts, for roles that shall go, what they own, by database ("" = none)."""

    facts: Facts
    owned: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    loaded: frozenset[str] = frozenset()
    """Libraries that PostgreSQL has loaded at its start."""
    available: frozenset[str] = frozenset()
    """Extensions whose files are there."""
