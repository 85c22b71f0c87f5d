# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By what the role knows whether the cluster has the logins that it shall have."""

from __future__ import annotations

import yaml
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.roles import ROLES, role_variable


def digest(sql: str, *, everywhere: bool) -> str:
    known = {"__patroni_logins_sql": sql, "pgcluster_pooler_asks_in_every_database": everywhere}
    return str(role_variable("patroni", "__patroni_logins_digest", known))


def test_it_tells_what_was_made_and_where():
    made = {digest("x", everywhere=False), digest("y", everywhere=False), digest("x", everywhere=True)}
    assert len(made) == 3


def test_it_is_noted_when_all_is_made():
    """Noted before, a run that ends on its way would leave the rest unmade for good."""
    tasks = yaml.safe_load((ROLES / "patroni" / "tasks" / "logins.yml").read_text(encoding="utf-8"))
    queries = [task["community.postgresql.postgresql_query"]["query"] for task in tasks]
    assert [query for query in queries if "COMMENT ON SCHEMA" in query] == queries[-1:]
