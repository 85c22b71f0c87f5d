"""The status tells the truth, and tells it with any host down."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from integration.inventory import Cluster, Machine
from integration.operations import THOROUGH, Outcome, play, thorough
from lab import Lab
from testinfra.host import Host

Login = Callable[[Machine], Host]
STATUS_SECONDS = 300
RETURN_SECONDS = 180
# What a page would fetch from elsewhere. A reference to a part of itself, and an XML namespace, fetch nothing.
FETCHED = re.compile(
    r"""(?:src|href)\s*=(?!\s*["']?(?:\#|data:)) | url\((?!["']?(?:\#|data:)) | @import | <link | <iframe""",
    re.IGNORECASE | re.VERBOSE,
)


def status(cluster: Cluster, **extra_vars: Any) -> Outcome:
    return play(cluster, "status", seconds=STATUS_SECONDS, **extra_vars)


def await_stable(cluster: Cluster) -> Outcome:
    deadline = time.monotonic() + RETURN_SECONDS
    while not (outcome := status(cluster)).ok:
        assert time.monotonic() < deadline, outcome.tail
    return outcome


def members_shown(outcome: Outcome) -> set[str]:
    """The first cells of the table of members."""
    lines = itertools.dropwhile(lambda line: line.split()[:1] != ["member"], outcome.said.splitlines())
    return {line.split()[0] for line in itertools.takewhile(str.strip, itertools.islice(lines, 1, None))}


def test_a_healthy_cluster_is_stable(cluster: Cluster) -> None:
    outcome = await_stable(cluster)
    assert f"Cluster {cluster.name} is stable" in outcome.said
    assert members_shown(outcome) == {machine.name for machine in cluster.postgres}


def test_programs_can_read_it(cluster: Cluster) -> None:
    outcome = status(cluster, format="json")
    assert outcome.ok, outcome.tail
    (told,) = [json.loads(message) for message in outcome.messages if str(message).startswith("{")]
    assert told["verdict"] == "stable"
    assert {member["name"] for member in told["cluster"]["members"]} == {machine.name for machine in cluster.postgres}


def test_the_page_needs_nothing_from_elsewhere(cluster: Cluster, tmp_path: Path) -> None:
    page = tmp_path / "status.html"
    outcome = status(cluster, html=str(page))
    assert outcome.ok, outcome.tail
    text = page.read_text()
    assert "<svg" in text
    assert all(machine.name in text for machine in cluster.machines)
    assert FETCHED.findall(text) == []


@thorough
def test_it_works_without_etcd(cluster: Cluster, login: Login) -> None:
    """The leader goes on by failsafe mode, and each PostgreSQL tells what it is, whether Patroni does or not."""
    await_stable(cluster)
    for machine in cluster.etcd:
        login(machine).check_output("systemctl stop etcd")
    try:
        outcome, programs = status(cluster), status(cluster, format="json")
    finally:
        for machine in cluster.etcd:
            login(machine).check_output("systemctl start --no-block etcd")
    assert outcome.returncode == 2
    assert "Traceback" not in outcome.stdout
    assert f"Cluster {cluster.name} is critical" in outcome.said
    (told,) = [json.loads(message) for message in programs.messages if str(message).startswith("{")]
    assert (programs.returncode, told["verdict"]) == (2, "critical")
    assert [told["instances"][machine.name]["in_recovery"] for machine in cluster.postgres].count(False) == 1
    critical = {reason["subject"]: reason["next"] for reason in told["reasons"] if reason["severity"] == "critical"}
    assert set(critical) <= {"etcd", "cluster"}
    assert all("journalctl -u etcd" in step for step in critical.values())
    assert "etcd" in critical
    await_stable(cluster)


def test_it_works_with_a_host_down(cluster: Cluster, lab: Lab, any_machine: Machine) -> None:
    if any_machine != cluster.machines[0] and not THOROUGH:
        pytest.skip(
            "the first host of the inventory is the one that matters most; the others: MATRIARCH_OPERATIONS_ALL=1"
        )
    await_stable(cluster)
    lab.power_cut(any_machine.name)
    try:
        outcome = status(cluster)
    finally:
        lab.start(any_machine.name)
    assert not outcome.ok
    assert f"{any_machine}: the host does not answer" in outcome.said
    assert re.search(f"Cluster {cluster.name} is (degraded|critical)", outcome.said), outcome.said
    assert members_shown(outcome) >= {machine.name for machine in cluster.postgres if machine != any_machine}
    await_stable(cluster)
