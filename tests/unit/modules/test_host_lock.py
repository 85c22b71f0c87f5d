# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import lock_file
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.lock_file import LockFile
from ansible_collections.matriarch.pgcluster.plugins.modules import host_lock
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule

Lock = Callable[..., dict[str, Any]]


def run_of(pid: int, host: str = "ctl1", who: str = "alice") -> dict[str, Any]:
    return {"who": who, "host": host, "pid": pid, "started": pid * 10, "boot_id": "b", "namespace": "pid:[1]"}


ALICE, BOB = run_of(11), run_of(22, "ctl2", "bob")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    time = [1000.0]
    monkeypatch.setattr(lock_file, "now", lambda: time[0])
    return time


@pytest.fixture
def lock(run_module: RunModule, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: list[float]) -> Lock:
    def ask(**options: Any) -> Any:
        return run_module(host_lock, **{"cluster": "main", "operation": "rebuild_etcd", "holder": ALICE, **options})

    monkeypatch.setattr(host_lock, "LOCKS", tmp_path / "locks")
    return ask


def test_predicted_taken_renewed_released_and_released_again(lock: Lock, tmp_path: Path) -> None:
    assert lock(check_mode=True)["available"]
    assert [path.name for path in (tmp_path / "locks").iterdir()] == ["main.guard"]
    taken, renewed = lock(), lock()
    assert [answer["changed"] for answer in (taken, renewed)] == [True, False]
    assert taken["lock"]["begun_at"] == renewed["lock"]["begun_at"]
    assert taken["lock"]["lease_seconds_left"] == 900
    assert lock(state="released", check_mode=True)["changed"]
    assert [lock(state="released")["changed"] for _time in range(2)] == [True, False]
    assert lock(holder=BOB)["changed"]


def test_another_run_is_refused_and_told_who_and_until_when(lock: Lock, clock: list[float]) -> None:
    lock()
    clock[0] += 100
    refused = lock(holder=BOB)
    assert refused["failed"]
    assert refused["refused"]
    assert "the cluster main is being operated on: rebuild_etcd by alice on ctl1 (process 11)" in refused["msg"]
    assert "It ends in 800 s" in refused["msg"]
    assert refused["held_by"]["holder"] == ALICE
    predicted = lock(holder=BOB, check_mode=True)
    assert (predicted["available"], predicted["reason"]) == (False, refused["msg"])
    assert not lock(holder=BOB, state="released")["changed"], "what is another's stays"
    assert lock()["available"]


def test_it_ends_by_itself_unless_it_is_renewed(lock: Lock, clock: list[float]) -> None:
    lock(ttl=60)
    clock[0] += 59
    lock(ttl=60)
    clock[0] += 59
    assert lock(holder=BOB)["failed"]
    clock[0] += 1
    assert lock(holder=BOB)["changed"]


def test_a_dead_run_is_not_waited_for_and_a_forced_one_waits_for_nobody(lock: Lock) -> None:
    revision = lock()["lock"]["revision"]
    assert lock(holder=BOB, takeover_revision=revision - 1)["failed"]
    assert lock(holder=BOB, takeover_revision=revision)["changed"]
    assert lock(force=True)["lock"]["holder"] == ALICE


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"{{ x }}"', b"\xff\x00", b'{"operation": 1}'])
def test_what_is_no_lock_is_somebodys_until_it_is_forced(lock: Lock, tmp_path: Path, content: bytes) -> None:
    lock(state="released")
    (tmp_path / "locks" / "main.json").write_bytes(content)
    assert "is taken by nobody knows whom" in lock()["msg"]
    assert lock(force=True)["changed"]


def test_a_lock_without_an_end_is_none(lock: Lock, tmp_path: Path) -> None:
    lock()
    path = tmp_path / "locks" / "main.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "until": "soon"}))
    assert "is taken by nobody knows whom" in lock()["msg"]


@pytest.mark.parametrize("cluster", ["../../etc/passwd", "a\nb", "{{ x }}", "ümläut", "%2F"])
def test_every_cluster_has_a_lock_of_its_own(lock: Lock, tmp_path: Path, cluster: str) -> None:
    assert lock(cluster=cluster)["changed"]
    assert lock(holder=BOB)["changed"]
    assert lock(cluster=cluster, holder=BOB)["failed"]
    assert len(list((tmp_path / "locks").glob("*.json"))) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["locks"]


def test_a_time_that_is_too_short_is_refused(lock: Lock) -> None:
    assert "at least 10 seconds" in lock(ttl=9)["msg"]


def test_a_place_that_cannot_be_had_is_told(lock: Lock, tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("a file")
    assert "keeping a lock in" in lock()["msg"]


def test_of_many_at_once_one_gets_it(tmp_path: Path) -> None:
    """Between a look and what follows from it nobody else may look."""
    inside, most = [0], [0]

    def enter() -> None:
        for _time in range(20):
            with LockFile(tmp_path / "x.json").alone():
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=enter) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
