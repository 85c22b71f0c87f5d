# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks that the checker runs, with an ansible-playbook that has a worker in a session of its own and does not end."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from integration.inventory import Cluster
from integration.operations import start

WORKS = """#!/bin/sh
setsid sleep 600 &
echo $! > {worker}.new
mv {worker}.new {worker}
wait
"""


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the worker's process id will stand."""
    noted, program = tmp_path / "worker", tmp_path / "ansible-playbook"
    program.write_text(WORKS.format(worker=noted))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return noted


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster("main", ("hosts.yml",), tmp_path, etcd=(), postgres=(), proxy=(), vip="")


def process(noted: Path) -> Path:
    while not noted.exists():
        time.sleep(0.01)
    return Path("/proc") / noted.read_text().strip()


def lives(found: Path) -> bool:
    try:
        return found.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_run_does_not_outlive_a_test_that_fails(cluster: Cluster, worker: Path) -> None:
    with pytest.raises(LookupError), start(cluster, "site") as run:
        assert lives(process(worker))
        raise LookupError
    assert not run.lasts(0)
    deadline = time.monotonic() + 10
    while lives(process(worker)):
        assert time.monotonic() < deadline


def test_killing_a_run_that_has_ended_does_nothing(cluster: Cluster, worker: Path) -> None:
    with start(cluster, "site") as run:
        process(worker)
        run.kill()
        run.kill()
    assert not run.lasts(0)
