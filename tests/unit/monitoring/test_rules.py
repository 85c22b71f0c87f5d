# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every alert fires under what it is about, and under nothing else; its page is there, and its metrics are known."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from .rules import HOURS, PROMTOOL, ROLE, ROOT, STEP, alerts, alerts_text, promtool, series, thresholds

CASES = yaml.safe_load((Path(__file__).parent / "cases.yml").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "ALERTS.md").read_text(encoding="utf-8")
needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="promtool is not there: make setup-tests brings it")


def firing(alert: str, told: list[str], count: int | None) -> dict[str, Any]:
    expression = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
    samples = [{"labels": "{}", "value": count}] if count else []
    return {
        "name": f"{alert} {'fires' if count else 'stays quiet'}",
        "interval": f"{STEP}s",
        "input_series": series(told),
        "promql_expr_test": [{"expr": expression, "eval_time": f"{HOURS - 1}h", "exp_samples": samples}],
    }


def test_every_alert_has_a_case() -> None:
    assert set(CASES) == set(alerts())


@needs_promtool
@pytest.mark.parametrize("alert", CASES)
def test_it_fires_and_stays_quiet(alert: str, tmp_path: Path) -> None:
    case = CASES[alert]
    said = promtool(tmp_path, [alerts()[alert]], [firing(alert, case["fires"], 1), firing(alert, case["quiet"], None)])
    assert "SUCCESS" in said, said


@needs_promtool
def test_nobody_is_told_of_a_drill_that_is_not_declared(tmp_path: Path) -> None:
    declared = ['matriarch_backup_drill_interval_seconds{member="db1"} 0']
    said = promtool(tmp_path, [alerts()["MatriarchNoDrill"]], [firing("MatriarchNoDrill", declared, None)])
    assert "SUCCESS" in said, said


@needs_promtool
@pytest.mark.parametrize(("backend", "count"), [("stock-rw", 1), ("stock-pooled-rw", 1), ("stock-ro", None)])
def test_a_shared_proxy_has_somewhere_to_send_writes_of_others(backend: str, count: int | None, tmp_path: Path) -> None:
    told = [f'haproxy_backend_active_servers{{member="db1",proxy="{backend}"}} 0']
    name = "MatriarchNoWriteEndpoint"
    assert "SUCCESS" in (said := promtool(tmp_path, [alerts()[name]], [firing(name, told, count)])), said


@needs_promtool
@pytest.mark.parametrize(
    ("name", "symptom"),
    [
        ("MatriarchNoWriteEndpoint", 'haproxy_backend_active_servers{member="db1",proxy="leader"} 0'),
        (
            "MatriarchNoWriteEndpoint",
            'haproxy_backend_active_servers{cluster="other",member="lb1",proxy="main-pooled-rw"} 0',
        ),
        ("MatriarchReplicaNotStreaming", 'matriarch_replica_streaming{member="db1"} 0'),
        ("MatriarchReplicaLag", 'matriarch_replica_lag_seconds{member="db1"} 250'),
    ],
)
def test_a_standby_cluster_that_follows_is_well(name: str, symptom: str, tmp_path: Path) -> None:
    follows = [symptom, 'patroni_standby_leader{member="db1"} 1', 'patroni_standby_leader{member="db2"} 0']
    leads = [symptom, 'patroni_standby_leader{member="db1"} 0', 'patroni_standby_leader{member="db2"} 0']
    said = promtool(tmp_path, [alerts()[name]], [firing(name, follows, None), firing(name, leads, 1)])
    assert "SUCCESS" in said, said


@needs_promtool
def test_a_case_that_is_wrong_is_found(tmp_path: Path) -> None:
    case = CASES["MatriarchNoLeader"]
    assert "FAILED" in promtool(
        tmp_path, [alerts()["MatriarchNoLeader"]], [firing("MatriarchNoLeader", case["quiet"], 1)]
    )


@needs_promtool
@pytest.mark.parametrize("name", ["alerts.yml", "records.yml"])
def test_prometheus_takes_the_rules(name: str, tmp_path: Path) -> None:
    text = alerts_text() if name == "alerts.yml" else (ROLE / "files" / name).read_text(encoding="utf-8")
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, "check", "rules", name], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_users_of_cloudnativepg_find_their_names(tmp_path: Path) -> None:
    told = [
        'matriarch_replica_lag_seconds{member="db2"} 3',
        'matriarch_backends_count{member="db1",datname="odoo",usename="odoo",state="active"} 4',
        'pg_stat_database_xact_commit{member="db1",datname="odoo"} 0+150x720',
    ]
    asked = {
        'cnpg_pg_replication_lag{pod="db2"}': 3,
        'sum(cnpg_backends_total{datname="odoo"})': 4,
        "sum(rate(cnpg_pg_stat_database_xact_commit[5m]))": 10,
    }
    tests = [
        {"expr": f"sum({expression})", "eval_time": "1h", "exp_samples": [{"labels": "{}", "value": value}]}
        for expression, value in asked.items()
    ]
    groups = yaml.safe_load((ROLE / "files" / "records.yml").read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    said = promtool(
        tmp_path, rules, [{"interval": f"{STEP}s", "input_series": series(told), "promql_expr_test": tests}]
    )
    assert "SUCCESS" in said, said


@pytest.mark.parametrize("alert", CASES)
def test_its_page_has_a_section(alert: str) -> None:
    rule = alerts()[alert]
    heading = f"### {alert}\n\n*{rule['labels']['severity']}, after "
    assert heading in PAGE
    assert rule["annotations"]["runbook_url"].rpartition("#")[2] == alert.lower()


def test_the_page_has_no_section_without_an_alert() -> None:
    assert Counter(re.findall(r"^### (\w+)$", PAGE, re.MULTILINE)) == Counter(list(CASES))


def test_the_page_says_the_thresholds() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", PAGE, re.MULTILINE))
    assert told == {name: str(value) for name, value in thresholds().items()}


@pytest.mark.parametrize(("name", "value"), thresholds().items())
def test_every_threshold_is_used(name: str, value: Any) -> None:
    other = f"1{value}" if isinstance(value, str) else value * 2
    assert alerts_text(**{name: other}) != alerts_text()


def test_a_threshold_of_ones_own_is_in_the_rule() -> None:
    assert "matriarch_replica_lag_seconds > 77" in alerts_text(lag_seconds=77)
