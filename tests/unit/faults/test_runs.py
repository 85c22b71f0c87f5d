# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of playbooks, with an ansible-playbook that has a worker in a session of its own and does not end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from integration.inventory import Cluster
from integration.operations import Run, start
from integration.watch import eventually

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
    eventually("the worker works", 10, noted.exists)
    return Path("/proc") / noted.read_text().strip()


def lives(found: Path) -> bool:
    try:
        return found.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def fail_within(run: Run) -> None:
    with run:
        raise LookupError


def test_a_run_does_not_outlive_a_test_that_fails(cluster: Cluster, worker: Path) -> None:
    run = start(cluster, "site")
    assert lives(process(worker))
    with pytest.raises(LookupError):
        fail_within(run)
    assert not run.lasts(0)
    eventually("the worker is gone", 10, lambda: not lives(process(worker)))


def test_killing_a_run_that_has_ended_does_nothing(cluster: Cluster, worker: Path) -> None:
    with start(cluster, "site") as run:
        process(worker)
        run.kill()
        run.kill()
    assert not run.lasts(0)
