"""On a live cluster a check run announces nothing, and no run says a secret."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from pathlib import Path

import pytest
from integration.inventory import ROOT, Cluster

RECAP = re.compile(r"^(\S+) +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)
# Files beside the secrets that hold none.
PUBLIC = (".crt", ".conf")


@functools.cache
def run_in_check_mode(sources: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """`site.yml` over the whole inventory, as talkative as it can be."""
    inventories = [word for source in sources for word in ("--inventory", source)]
    command = ["ansible-playbook", *inventories, "--check", "--diff", "-vvv", str(ROOT / "site.yml")]
    plain = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=plain)


@pytest.fixture
def check_run(cluster: Cluster) -> subprocess.CompletedProcess[str]:
    return run_in_check_mode(cluster.sources)


def test_a_check_run_announces_nothing(check_run: subprocess.CompletedProcess[str], cluster: Cluster) -> None:
    assert check_run.returncode == 0, check_run.stdout[-4000:]
    recap = {name: tuple(map(int, counts)) for name, *counts in RECAP.findall(check_run.stdout)}
    assert {machine.name: recap.get(machine.name) for machine in cluster.machines} == {
        machine.name: (0, 0, 0) for machine in cluster.machines
    }


def test_no_secret_is_said(check_run: subprocess.CompletedProcess[str], cluster: Cluster) -> None:
    said = check_run.stdout + check_run.stderr
    kept = [path for path in cluster.secrets.rglob("*") if path.is_file() and path.suffix not in PUBLIC]
    assert kept
    assert [path.name for path in kept if longest_line(path) in said] == []


def longest_line(path: Path) -> str:
    """A line of a key that stands nowhere else, or the whole of a one-line password."""
    return max(path.read_text().splitlines(), key=len)
