"""The page of the status has the last hours, and is no worse without them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.inventory import Cluster
from integration.operations import is_whole, play
from integration.prometheus import HOST, Prometheus
from integration.watch import eventually
from lab import Lab

SILENT_SECONDS = 10
"""What a host that does not answer may add to a run: Ansible gives it six seconds."""


def page(cluster: Cluster, folder: Path) -> str:
    path = folder / "page.html"
    done = play(cluster, "status", html=str(path))
    assert done.ok, done.tail
    assert not done.changed
    return path.read_text()


@pytest.fixture
def healthy(cluster: Cluster) -> None:
    eventually("the cluster is whole", 60, lambda: is_whole(cluster))


@pytest.fixture
def stopped(lab: Lab) -> Iterator[None]:
    lab.execute(HOST, "systemctl", "stop", "prometheus")
    yield
    lab.execute(HOST, "systemctl", "start", "prometheus")


@pytest.fixture
def hung(lab: Lab) -> Iterator[None]:
    lab.execute(HOST, "systemctl", "kill", "--signal=STOP", "prometheus")
    yield
    lab.execute(HOST, "systemctl", "kill", "--signal=CONT", "prometheus")


@pytest.fixture
def dark(lab: Lab) -> Iterator[None]:
    lab.freeze(HOST)
    yield
    lab.thaw(HOST)


@pytest.mark.usefixtures("healthy")
def test_it_shows_the_last_hours(cluster: Cluster, prometheus: Prometheus, tmp_path: Path, poolers_tell: bool) -> None:
    told = page(cluster, tmp_path)
    titles = re.findall(r"<h3>([^<]*)</h3>", told)
    assert titles == [
        "Transactions per second",
        "WAL written per second",
        "Replicas behind",
        "Sessions",
        *(["Clients of the poolers"] if poolers_tell else []),
        "Oldest WAL outside the archive",
        "Processor in use",
        "Fullest file system",
    ]
    for member in cluster.postgres:
        assert re.search(rf"<title>{member.name} (led|answered) from", told)
    (leader,) = prometheus.query("matriarch:leader:member == 1")
    assert re.search(rf'class="led"[^>]*><title>{leader["metric"]["member"]} led from', told)
    assert re.findall(r"(?:src|href)=|<script|@import", told) == []


@pytest.mark.usefixtures("healthy", "stopped")
def test_a_prometheus_that_does_not_run_is_a_line(cluster: Cluster, tmp_path: Path) -> None:
    told = page(cluster, tmp_path)
    assert "Prometheus on mon1 does not tell: http://127.0.0.1:9090: " in told
    assert "<h3>" not in told


@pytest.mark.usefixtures("healthy", "hung")
def test_one_that_hangs_costs_seconds(cluster: Cluster, tmp_path: Path) -> None:
    costs_seconds(cluster, tmp_path)


@pytest.mark.usefixtures("healthy", "dark")
def test_a_host_that_is_frozen_costs_seconds(cluster: Cluster, tmp_path: Path) -> None:
    costs_seconds(cluster, tmp_path)


def costs_seconds(cluster: Cluster, folder: Path) -> None:
    """A page that says that it has no plots takes little longer than the table, whoever gave up: module or task."""
    began = time.monotonic()
    assert "Prometheus on mon1 does not tell: " in page(cluster, folder)
    between = time.monotonic()
    assert play(cluster, "status").ok
    table = time.monotonic() - between
    assert between - began < 2 * table + SILENT_SECONDS  # twice, for a machine that others share
