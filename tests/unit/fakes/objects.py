# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL whose users and databases are a dict of facts, and which does to it what the real one would do."""

from __future__ import annotations

from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.objects import (
    PUBLIC,
    Fact,
    Found,
    Role,
    Spread,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.declaration import CONNECTING
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.objects import Step

OF_A_ROLE = ("membership", "role setting", "database privileges")


class FakeObjects:
    """Public facts; whoever leads has them all."""

    def __init__(self) -> None:
        self.facts: dict[Fact, Any] = {
            Fact("role", name="postgres"): Role(True, -1, "", is_privileged=True),
            Fact("role", name="pg_monitor"): Role(False, -1, ""),
        }

    def found(self, **others: Any) -> Found:
        return Found(facts=dict(self.facts), **{"available": frozenset({"pg_trgm", "pg_cron"}), **others})

    def do(self, step: Step) -> None:
        """Raises AssertionError for what PostgreSQL would refuse, or what was planned from another state."""
        self._check(step)
        if step.after is None:
            self._remove(step.fact)
        elif step.fact.kind in ("table privileges", "sequence privileges"):
            self.facts[step.fact] = Spread(step.after, step.after)
        else:
            self.facts[step.fact] = step.after
        if step.fact.kind == "database" and step.before is None:
            self.facts[Fact("database privileges", step.fact.database, holder=PUBLIC)] = CONNECTING

    def _check(self, step: Step) -> None:
        fact = step.fact
        if fact.kind == "database" and step.after:
            assert Fact("role", name=step.after.owner) in self.facts, "owners come first"
        elif fact.database:
            assert Fact("database", fact.database) in self.facts, "databases come before what is in them"
        if fact.kind == "membership" and step.after:
            assert {Fact("role", name=fact.name), Fact("role", name=fact.holder)} <= set(self.facts)
        if fact.kind.endswith("privileges") and fact.holder:
            assert Fact("role", name=fact.holder) in self.facts, "holders come first"
        if fact.kind == "role" and step.after is None:
            owners = [value.owner for of, value in self.facts.items() if of.kind == "database"]
            assert fact.name not in owners, "PostgreSQL drops no owner"

    def _remove(self, fact: Fact) -> None:
        gone = {fact}
        if fact.kind == "database":
            gone |= {other for other in self.facts if other.database == fact.database}
        if fact.kind == "role":
            gone |= {o for o in self.facts if o.kind in OF_A_ROLE and fact.name in (o.name, o.holder)}
        for each in gone:
            self.facts.pop(each, None)
