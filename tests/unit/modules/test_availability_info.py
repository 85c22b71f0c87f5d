# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.prometheus import MOST_POINTS
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.availability import month_of
from ansible_collections.matriarch.pgcluster.plugins.modules import availability_info
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.prometheus import FakePrometheus

WATCHED = 7200.0
OUTAGE = (3600.0, 3000.0)
"""Seconds before now in which no proxy had a leader."""


def test_months_are_computed_from_what_it_remembers(run_module: RunModule) -> None:
    fake = FakePrometheus(WATCHED, at={"backup_stopped": "3"})
    fake.series["haproxy"] = [({}, lambda at: 0 if fake.now - OUTAGE[0] <= at < fake.now - OUTAGE[1] else 1)]
    with fake.serve() as address:
        answer = run_module(availability_info, prometheus=address, cluster='ma"in', days=90, step=15)
    assert answer.get("msg") is None
    assert sum(month["down_seconds"] for month in answer["months"]) == pytest.approx(600, abs=15)
    assert sum(month["up_seconds"] for month in answer["months"]) == pytest.approx(WATCHED - 600, abs=30)
    assert answer["months"][-1]["backups"] == {"backups": 3, "drills": None, "rpo_seconds": None}
    assert "# Availability of" in answer["markdown"]
    assert "<svg" in answer["html"]
    ranges = [query for query in fake.asked if query.startswith("(max(haproxy")]
    whole = fake.now - month_of(fake.now - 90 * 86400)
    assert len(ranges) == -(-(int(whole) // 15 + 1) // MOST_POINTS), "from the first day of a month on"
    assert all('cluster="ma\\"in"' in query for query in fake.asked)


def test_a_prometheus_that_is_away_is_said(run_module: RunModule) -> None:
    assert "http://127.0.0.1:1" in run_module(availability_info, prometheus="http://127.0.0.1:1", cluster="main")["msg"]
