# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import time
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.history import QUESTIONS
from ansible_collections.matriarch.pgcluster.plugins.modules import monitoring_info
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.prometheus import FakePrometheus


def alert(
    name: str, severity: str = "warning", state: str = "firing", cluster: str = "main", at: str = "12:00:00"
) -> Any:
    return {
        "labels": {"alertname": name, "severity": severity, "cluster": cluster},
        "annotations": {"summary": f"{name} happened", "runbook_url": "https://there"},
        "state": state,
        "activeAt": f"2026-11-26T{at}Z",
    }


def ask(run_module: RunModule, fake: FakePrometheus, **params: Any) -> dict[str, Any]:
    with fake.serve() as address:
        answer = run_module(monitoring_info, prometheus=address + "/", cluster="main", **params)
    assert answer["changed"] is False
    json.dumps(answer, allow_nan=False)
    return answer


def chart(answer: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in answer["charts"] if each["name"] == name)
    return found


def test_everything_is_asked_of_the_one_cluster(run_module: RunModule) -> None:
    fake = FakePrometheus()
    answer = ask(run_module, fake, hours=6, step=15)
    assert [each["name"] for each in answer["charts"]] == [each.name for each in QUESTIONS]
    assert all('cluster="main"' in query for query in fake.asked if query != "alerts")
    assert not [query for query in fake.asked if any(part in query for part in ("{c}", "{w}", "{{", "}}"))]


def test_a_short_memory_fills_the_plot(run_module: RunModule) -> None:
    answer = ask(run_module, FakePrometheus(watched=3600), hours=6, step=15)
    assert answer["end"] - answer["begin"] == pytest.approx(3600, abs=60)
    points = chart(answer, "sessions")["lines"][0]["points"]
    assert 120 <= len(points) <= 181
    assert points[1][0] - points[0][0] == answer["step"] == 30


def test_a_memory_of_seconds_is_shown_as_a_minute(run_module: RunModule) -> None:
    answer = ask(run_module, FakePrometheus(watched=20), step=2)
    assert answer["end"] - answer["begin"] == pytest.approx(60, abs=2)
    assert 8 <= len(chart(answer, "sessions")["lines"][0]["points"]) <= 11


def test_lines_are_known_by_their_labels(run_module: RunModule) -> None:
    fake = FakePrometheus()
    fake.series["client_waiting"] = [({"pool": "rw"}, lambda _: 3)]
    fake.series["client_active"] = [({"pool": "rw"}, lambda _: 7)]
    lines = chart(ask(run_module, fake), "poolers")["lines"]
    assert [(line["name"], line["points"][0][1]) for line in lines] == [("rw", 7), ("rw waiting", 3)]


def test_what_the_cluster_does_not_have_is_left_out(run_module: RunModule) -> None:
    fake = FakePrometheus(series={"archive_waiting": [], "lag_seconds": [({"member": "db2"}, lambda _: "NaN")]})
    names = [each["name"] for each in ask(run_module, fake)["charts"]]
    assert "archive" not in names
    assert "lag" not in names


def test_a_disk_is_told_its_future_from_hours_alone(run_module: RunModule) -> None:
    fills = {"deriv": "86400"}
    assert ask(run_module, FakePrometheus(watched=6 * 3600, at=fills))["full_in_seconds"] == 86400
    assert ask(run_module, FakePrometheus(watched=3600, at=fills))["full_in_seconds"] is None


def test_alerts_that_fire_for_the_cluster_or_its_etcd_are_told_the_worst_first(run_module: RunModule) -> None:
    told = [
        alert("Late", at="13:00:00"),
        alert("Early"),
        alert("Worst", "critical", at="14:00:00"),
        alert("Soon", state="pending"),
        alert("Elsewhere", cluster="other"),
        alert("Store", cluster="shared", at="15:00:00"),
    ]
    answer = ask(run_module, FakePrometheus(alerts=told), etcd_cluster="shared")
    assert [each["name"] for each in answer["alerts"]] == ["Worst", "Early", "Late", "Store"]
    assert answer["alerts"][0]["summary"] == "Worst happened"


def test_a_prometheus_that_is_away_is_said(run_module: RunModule) -> None:
    answer = run_module(monitoring_info, prometheus="http://127.0.0.1:1", cluster="main")
    assert "http://127.0.0.1:1" in answer["msg"]


@pytest.mark.parametrize("delay", [0.2, 1.5])
def test_one_that_is_slow_costs_no_more_than_it_may(run_module: RunModule, delay: float) -> None:
    with FakePrometheus(delay=delay).serve() as address:
        began = time.monotonic()
        answer = run_module(monitoring_info, prometheus=address, cluster="main", timeout=0.5)
        took = time.monotonic() - began
    assert "in time" in answer["msg"]
    assert took < 1
