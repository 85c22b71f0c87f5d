"""The live inventory groups the hosts as they are at this moment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.inventory import ROOT, Cluster
from integration.operations import PLAIN, WHOLE_SECONDS, inventories, is_whole, members, play, thorough
from integration.watch import Connect, eventually, leader

pytestmark = [pytest.mark.usefixtures("whole"), thorough]


@pytest.fixture
def live(cluster: Cluster, tmp_path: Path) -> Path:
    path = tmp_path / "main.patroni.yml"
    urls = [f"https://{machine.address}:8008" for machine in cluster.postgres]
    source = {"plugin": "matriarch.pgcluster.patroni", "urls": urls, "ca_file": str(cluster.ca)}
    path.write_text(yaml.safe_dump(source))
    return path


def test_groups_follow_the_leader(connect: Connect, cluster: Cluster, live: Path) -> None:
    for _time in range(2):
        leads = leader(connect, cluster).name
        others = {machine.name for machine in cluster.postgres} - {leads}
        told = listed(cluster, live)
        assert hosts(told, "leader") == {leads}
        assert hosts(told, "replica") == others
        assert hosts(told, "sync_standby") == {m["name"] for m in members(cluster) if "standby" in m["role"]} == others
        assert hosts(told, "pending_restart") == set()
        assert hosts(told, f"cluster_{cluster.name}") == {leads, *others}
        about = told["_meta"]["hostvars"][leads]
        assert [plain(about[name]) for name in ("patroni_role", "patroni_state")] == ["leader", "running"]
        assert about["ansible_host"] == next(m.address for m in cluster.postgres if m.name == leads)
        assert ran_on(cluster, live, "leader") == {leads}
        outcome = play(cluster, "switchover")
        assert outcome.ok, outcome.tail
        eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))


def listed(cluster: Cluster, live: Path) -> dict[str, Any]:
    command = ["ansible-inventory", *inventories(cluster), "--inventory", str(live), "--list"]
    told: dict[str, Any] = json.loads(run(command))
    return told


def ran_on(cluster: Cluster, live: Path, pattern: str) -> set[str]:
    command = [
        "ansible",
        *inventories(cluster),
        "--inventory",
        str(live),
        "--one-line",
        "--module-name",
        "ping",
        pattern,
    ]
    return {line.split()[0] for line in run(command).splitlines() if "SUCCESS" in line}


def hosts(told: dict[str, Any], group: str) -> set[str]:
    return set(told.get(group, {}).get("hosts", []))


def plain(value: Any) -> Any:
    """What the network says is marked as nothing to be evaluated."""
    return value["__ansible_unsafe"] if isinstance(value, dict) else value


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ, **PLAIN})
    return done.stdout
