"""What dashboards and the report of availability ask for is there, and an outage is in the report."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.inventory import ROOT, Cluster, Machine
from integration.operations import play
from integration.prometheus import Prometheus
from testinfra.host import Host

Login = Callable[[Machine], Host]
SCRAPE_SECONDS = 2
spec = importlib.util.spec_from_file_location("dashboards", ROOT / "tools" / "dashboards.py")
assert spec is not None
assert spec.loader is not None
dashboards = importlib.util.module_from_spec(spec)
spec.loader.exec_module(dashboards)
KNOWN = yaml.safe_load((ROOT / "tools" / "metrics.yml").read_text("utf-8"))


def test_every_metric_of_the_list_is_there(prometheus: Prometheus, poolers_tell: bool) -> None:
    wanted = {name for name in KNOWN["always"] if poolers_tell or not is_of_poolers(name)}
    assert sorted(wanted - prometheus.names()) == []


def is_of_poolers(name: str) -> bool:
    return name.startswith(("pgbouncer_", "matriarch:pool"))


@pytest.mark.parametrize("place", dashboards.expressions())
def test_a_query_of_a_dashboard_is_answered(prometheus: Prometheus, place: str, poolers_tell: bool) -> None:
    """The cluster has no backups, and nothing that fires, lags behind or blocks."""
    query = dashboards.expressions()[place]
    filled = query.replace("$c", 'cluster="main"').replace("$__rate_interval", "1m")
    answer = prometheus.query(filled)
    asked = dashboards.metrics(query)
    unknown = asked & {*KNOWN["backups"], "ALERTS"} or (not poolers_tell and any(map(is_of_poolers, asked)))
    assert answer or unknown


@pytest.fixture
def outage(cluster: Cluster, login: Login, prometheus: Prometheus) -> None:
    """No proxy has answered for a while, and all do again."""
    for machine in cluster.proxy:
        login(machine).check_output("systemctl stop haproxy")
    try:
        prometheus.wait("the outage is seen", 60, lambda: prometheus.value("max(up{job='haproxy'})") == 0)
    finally:
        for machine in cluster.proxy:
            login(machine).check_output("systemctl start haproxy")
    prometheus.wait(
        "it is over", 60, lambda: prometheus.query("max(haproxy_backend_active_servers{proxy='leader'}) > 0") != []
    )


def report(cluster: Cluster, directory: Path) -> list[dict[str, Any]]:
    done = play(cluster, "availability", directory=str(directory))
    assert done.ok, done.tail
    assert not done.changed
    months: list[dict[str, Any]] = json.loads((directory / "main-availability.json").read_text())
    return months


@pytest.mark.usefixtures("outage")
def test_an_outage_and_a_planned_change_are_in_the_report(cluster: Cluster, tmp_path: Path) -> None:
    before = report(cluster, tmp_path)[-1]
    assert before["down_seconds"] >= SCRAPE_SECONDS
    assert before["outages"]
    assert before["percent"] < 100
    assert play(cluster, "switchover").ok
    after = report(cluster, tmp_path)[-1]
    assert len(after["changes"]) == len(before["changes"]) + 1
    assert after["changes"][-1]["cause"].startswith("planned: switchover by ")
    assert "planned: switchover by " in (tmp_path / "main-availability.md").read_text()
    assert "<svg" in (tmp_path / "main-availability.html").read_text()


def test_check_mode_writes_nothing(cluster: Cluster, tmp_path: Path) -> None:
    done = play(cluster, "availability", check=True, directory=str(tmp_path))
    assert done.ok, done.tail
    assert "% available" in done.said
    assert list(tmp_path.iterdir()) == []
