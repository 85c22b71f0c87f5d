"""Bare hosts for a benchmark, from the lab: booted, inventoried, weighed, removed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAB = os.environ.get("MATRIARCH_BENCH_LAB", "bench")
# Hosts by group, for the numbers of hosts that can be asked for.
LAYOUTS: dict[int, dict[str, list[str]]] = {
    1: {group: ["db1"] for group in ("etcd", "postgres", "proxy")},
    3: {group: ["db1", "db2", "db3"] for group in ("etcd", "postgres", "proxy")},
    9: {"etcd": ["etcd1", "etcd2", "etcd3"], "postgres": ["db1", "db2", "db3", "db4"], "proxy": ["px1", "px2"]},
}


def lab(*words: str) -> str:
    return subprocess.run(command(*words), check=True, stdout=subprocess.PIPE, text=True).stdout


def command(*words: str) -> list[str]:
    return [sys.executable, str(ROOT / "tests" / "lab"), "--lab", LAB, *words]


def names(count: int) -> list[str]:
    return sorted({name for group in LAYOUTS[count].values() for name in group})


def boot_bare(count: int, packages: str) -> None:
    """New hosts; `packages` as the lab has it: cached, or none for hosts that download everything."""
    remove()
    lab("up", "--packages", packages, *names(count))


def remove() -> None:
    lab("down", "--purge")


def write_inventory(count: int, folder: Path) -> Path:
    """The hosts' own variables are said once; a group only names them."""
    reached = json.loads(lab("inventory", "--format", "json"))
    content = {
        "all": {
            "hosts": {name: host["ansible"] for name, host in reached.items()},
            "vars": {"pgcluster_client_networks": ["10.77.0.0/16"]},
            "children": {group: {"hosts": dict.fromkeys(members)} for group, members in LAYOUTS[count].items()},
        }
    }
    path = folder / "hosts.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def memory_mib(count: int) -> float:
    """Proportional set size of every process on the hosts: shared memory counts once."""
    add_up = "cat /proc/[0-9]*/smaps_rollup 2>/dev/null | awk '/^Pss:/ {kib += $2} END {print kib}'"
    return sum(float(lab("ssh", name, add_up)) for name in names(count)) / 1024
