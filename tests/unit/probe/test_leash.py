# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A probe ends when its operation has the cluster's lock no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.operation import Holder, Keys, Lock
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe import leash
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.folder import RunFolder
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until
from ansible_collections.matriarch.pgcluster.plugins.modules import client_probe
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.authority import Authority
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd_keys import FakeKey, FakeKeys
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.probe_database import FakeDatabase

PATIENT = 60.0
BEGUN = "2026-03-01T10:00:00.000001Z"
LOCK = Keys("main").lock.encode()
OPTIONS: dict[str, Any] = {
    "run": "switchover-1", "user": "probe", "password": "s3cret-word", "interval_ms": 5,
    "endpoints": {"rw": {"hosts": ["10.0.0.1"], "port": 5000, "mode": "write"}}, "lifetime": 600, "wait": PATIENT,
    "ca_file": "/ca.crt",
}  # fmt: skip


def locked(begun_at: str) -> bytes:
    return Lock("switchover", Holder("alice", "ctl1", 11), begun_at, "entry", 120).to_bytes()


@pytest.fixture
def etcd() -> Iterator[FakeKeys]:
    keys = FakeKeys()
    keys.keys[LOCK] = FakeKey(locked(BEGUN), 1, 1)
    yield keys
    keys.stop()


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDatabase:
    fake = FakeDatabase(tmp_path)
    monkeypatch.setattr(client_probe, "SqlSession", fake.connect)
    monkeypatch.setattr(client_probe, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(client_probe, "check_library", lambda: None)
    monkeypatch.setattr(leash, "LOOK", 0.05)
    return fake


@pytest.fixture
def started(etcd: FakeKeys, database: FakeDatabase, run_module: RunModule, tmp_path: Path) -> Iterator[RunFolder]:
    operation = {"urls": etcd.urls, "cluster": "main", "begun_at": BEGUN}
    ca_file = Authority(tmp_path).issue("pg1").ca_file
    assert run_module(client_probe, operation=operation, **{**OPTIONS, "ca_file": ca_file})["found"]
    folder = RunFolder("switchover-1", tmp_path / "runs")
    yield folder
    folder.remove()
    assert wait_until(folder.is_alive, lambda alive: not alive, seconds=PATIENT, interval=0.01).reached


def looks(etcd: FakeKeys, more: int) -> None:
    """Wait until the probe has looked so many times more."""
    before = len(etcd.calls)
    assert wait_until(lambda: len(etcd.calls), lambda n: n >= before + more, seconds=PATIENT, interval=0.01).reached


@pytest.mark.parametrize("left", [None, locked("2026-03-01T10:05:00.000002Z"), b"no lock {{ x }}"])
def test_it_ends_when_the_lock_is_gone_or_somebody_elses(
    etcd: FakeKeys, database: FakeDatabase, run_module: RunModule, started: RunFolder, left: bytes | None
) -> None:
    looks(etcd, 2)
    assert started.is_alive()
    if left is None:
        del etcd.keys[LOCK]
    else:
        etcd.keys[LOCK] = FakeKey(left, 2, 2)
    assert wait_until(started.is_alive, lambda alive: not alive, seconds=PATIENT, interval=0.01).reached
    assert database.rows() == [], "it has taken its rows away"
    told = run_module(client_probe, state="stopped", **OPTIONS)
    assert (told["found"], told["died"]) == (True, False)
    assert told["problem"] == "its operation does not hold the cluster's lock any more"
    assert told["endpoints"]["rw"]["lost_acknowledged"] == 0


def test_it_goes_on_while_etcd_does_not_answer_and_under_a_run_that_goes_on(
    etcd: FakeKeys, run_module: RunModule, started: RunFolder
) -> None:
    etcd.refusals["/v3/kv/range"] = (14, 503, "etcdserver: no leader")
    looks(etcd, 3)
    other_run = Lock("switchover", Holder("bob", "ctl2", 22), BEGUN, "entry", 120)
    etcd.keys[LOCK] = FakeKey(other_run.to_bytes(), 2, 2)
    etcd.refusals.clear()
    looks(etcd, 3)
    assert started.is_alive()
    told = run_module(client_probe, state="stopped", **OPTIONS)
    assert told["problem"] is None


def test_without_an_operation_nobody_is_asked(etcd: FakeKeys, database: FakeDatabase, run_module: RunModule) -> None:
    run_module(client_probe, **OPTIONS)
    assert run_module(client_probe, state="stopped", **OPTIONS)["problem"] is None
    assert etcd.calls == []
