# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes in processes of their own: what they measure, and how they end."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.sql import Login
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import DeadlineExceeded
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe import control, daemon
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.folder import RunFolder, sweep
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.job import Endpoint, Job
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.probe_database import FakeDatabase

PATIENT = 60.0  # seconds that nothing here takes, even on a slow machine
LOGIN = Login("probe", "s3cret-word", "postgres", "/ca.crt")
RW, FRESH = Endpoint("rw", ("10.0.0.1",), 5000, "write"), Endpoint("fresh", ("10.0.0.1",), 5000, "write", False)
RO = Endpoint("ro", ("10.0.0.1",), 5001, "read")


@pytest.fixture
def database(tmp_path: Path) -> FakeDatabase:
    (tmp_path / "database").mkdir()
    return FakeDatabase(tmp_path / "database")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    run = RunFolder("test", tmp_path / "runs")
    yield run
    run.remove()  # a probe that a failed test left behind ends when its folder is gone
    assert until(lambda: not run.is_alive())


def until(reached: Callable[[], bool]) -> bool:
    return wait_until(reached, bool, seconds=PATIENT, interval=0.01).reached


def job(*endpoints: Endpoint, lifetime: float = 120.0, clients: int = 1) -> Job:
    return Job("7b0c7ab4-0000-4000-8000-000000000001", LOGIN, endpoints or (RW,), clients, 0.005, lifetime)


def leave_behind(job: Job, folder: RunFolder, database: FakeDatabase) -> None:
    """Start a probe without waiting for anything."""
    lock = folder.claim()
    assert lock is not None
    daemon.detach(job, folder, lock, database.connect)


def acknowledged(folder: RunFolder) -> int:
    progress = folder.read()
    return sum(log.acknowledged for log in progress.logs) if progress else 0


def go_on(folder: RunFolder, more: int = 5) -> None:
    """Wait until it made some more progress."""
    before = acknowledged(folder)
    assert until(lambda: acknowledged(folder) >= before + more)


def errors(folder: RunFolder) -> int:
    progress = folder.read()
    return sum(log.errors for log in progress.logs) if progress else 0


def test_a_quiet_cluster_shows_no_error_and_no_loss_and_keeps_no_row(database, folder):
    control.start(job(RW, FRESH, RO, clients=2), folder, database.connect, PATIENT)
    assert database.pid != os.getpid()
    go_on(folder)
    told = control.stop(job(RW), folder, database.connect)
    assert (told["found"], told["died"], told["problem"]) == (True, False, None)
    assert list(told["endpoints"]) == ["rw", "fresh", "ro"]
    for name, one in told["endpoints"].items():
        assert (one["errors"], one["unknown"], one["acknowledged"] > 0) == (0, 0, True), name
        assert one["lost_acknowledged"] == one["doubled"] == (None if name == "ro" else 0)
        assert (one["read_gap_ms"] if name == "ro" else one["write_gap_ms"]) > 0
    assert database.rows() == []
    assert not folder.path.exists()


def test_an_outage_is_a_gap_with_errors_and_its_date(database, folder):
    control.start(job(), folder, database.connect, PATIENT)
    database.set("down")
    assert until(lambda: errors(folder) >= 5)
    database.set("down", False)
    go_on(folder)
    rw = control.stop(job(), folder, database.connect)["endpoints"]["rw"]
    assert rw["errors"] >= 5
    assert rw["error_samples"] == ["nobody listens"] * 3
    assert rw["write_gap_ms"] >= 10 + 20 + 40  # the pauses between five attempts
    assert rw["gap_began_at"].endswith("Z")
    assert (rw["unknown"], rw["lost_acknowledged"]) == (0, 0)


def test_writes_without_an_answer_are_unknown_and_never_lost(database, folder):
    control.start(job(), folder, database.connect, PATIENT)
    database.set("silent")
    assert until(lambda: errors(folder) >= 3)
    database.set("silent", False)
    go_on(folder)
    rw = control.stop(job(), folder, database.connect)["endpoints"]["rw"]
    assert rw["unknown"] == rw["errors"] >= 3
    assert (rw["lost_acknowledged"], rw["doubled"]) == (0, 0)


def test_an_acknowledged_row_that_is_gone_is_found_and_so_is_a_doubled_one(database, folder):
    control.start(job(), folder, database.connect, PATIENT)
    go_on(folder)
    with database.connection() as connection:
        connection.execute("DELETE FROM rows WHERE seq IN (2, 3)")
        connection.execute("INSERT INTO rows SELECT * FROM rows WHERE seq = 4")
    rw = control.stop(job(), folder, database.connect)["endpoints"]["rw"]
    assert (rw["lost_acknowledged"], rw["doubled"]) == (2, 1)


def is_stuck(folder):
    """Whether every client still waits for the answer that it waited for a moment ago."""
    before = [(log.in_flight, log.attempts) for log in folder.read().logs]
    time.sleep(0.3)
    after = [(log.in_flight, log.attempts) for log in folder.read().logs]
    return before == after and all(in_flight for in_flight, _attempts in after)


def test_a_client_that_hangs_at_the_end_holds_nothing_up(database, folder, monkeypatch):
    monkeypatch.setattr(daemon, "LAST_ANSWERS", 0.1)
    monkeypatch.setattr(daemon, "READING_BACK", 0.0)
    control.start(job(RW, RO), folder, database.connect, PATIENT)
    database.set("hangs")
    assert until(lambda: is_stuck(folder))
    folder.ask_to_stop()
    assert until(lambda: all(not log.in_flight for log in folder.read().logs))
    assert {len(log.unknown) for log in folder.read().logs} == {1}
    database.set("hangs", False)
    told = control.stop(job(), folder, database.connect)
    assert told["endpoints"]["rw"]["unknown"] == 1
    assert told["died"] is False


def test_a_probe_that_is_killed_leaves_what_it_had_and_the_table_is_read_back_for_it(database, folder):
    control.start(job(), folder, database.connect, PATIENT)
    go_on(folder)
    os.kill(database.pid, signal.SIGKILL)
    assert until(lambda: not folder.is_alive())
    told = control.stop(job(), folder, database.connect)
    assert told["died"] is True
    assert told["problem"].startswith("its process died at 2")
    rw = told["endpoints"]["rw"]
    assert rw["acknowledged"] > 0
    assert rw["lost_acknowledged"] == 0
    assert database.rows() == []
    assert control.stop(job(), folder, database.connect) == control.NOTHING


def test_a_killed_probe_whose_cluster_is_gone_claims_no_losslessness(database, folder, monkeypatch):
    monkeypatch.setattr(control, "READING_BACK", 0.0)
    monkeypatch.setattr(control, "CLEARING", 0.0)
    control.start(job(), folder, database.connect, PATIENT)
    go_on(folder)
    os.kill(database.pid, signal.SIGKILL)
    database.set("replica")
    told = control.stop(job(), folder, database.connect)
    assert told["endpoints"]["rw"]["lost_acknowledged"] is None
    assert "could not be read back through rw at 10.0.0.1:5000: a replica answers" in told["problem"]
    assert "could not be deleted" in told["problem"]


def test_a_lifetime_ends_a_probe_that_nobody_stops(database, folder):
    leave_behind(job(lifetime=2.0), folder, database)
    assert until(lambda: not folder.is_alive())
    told = control.stop(job(), folder, database.connect)
    assert (told["died"], told["problem"]) == (False, "nobody stopped it within its lifetime of 2 s")
    assert database.rows() == []


def test_the_kernel_ends_a_probe_that_cannot_end_itself(database, folder, monkeypatch):
    monkeypatch.setattr(daemon, "LAST_ANSWERS", 0.1)
    database.set("hangs")  # its clients, and reading back
    leave_behind(job(lifetime=3.0), folder, database)
    assert until(lambda: not folder.is_alive())
    database.set("hangs", False)
    assert control.stop(job(), folder, database.connect)["died"] is True


def test_the_machines_own_request_to_end_is_heard(database, folder):
    control.start(job(), folder, database.connect, PATIENT)
    go_on(folder)
    os.kill(database.pid, signal.SIGTERM)
    assert until(lambda: not folder.is_alive())
    assert control.stop(job(), folder, database.connect)["died"] is False


def test_starting_it_twice_is_starting_it_once(database, folder):
    control.start(job(), folder, database.connect, PATIENT)
    before = database.pid
    control.start(job(), folder, database.connect, PATIENT)
    assert database.pid == before
    assert control.stop(job(), folder, database.connect)["found"]


def test_a_silent_endpoint_is_named_in_time_and_what_was_begun_is_ended(database, folder):
    database.set("down")
    with pytest.raises(
        DeadlineExceeded, match=r"no write through rw at 10\.0\.0\.1:5000: nobody listens; no read"
    ) as told:
        control.start(job(RW, RO), folder, database.connect, 1.0)
    assert "s3cret" not in str(told.value)
    assert until(lambda: not folder.is_alive())
    stopped = control.stop(job(), folder, database.connect)
    assert stopped["problem"] is None  # nothing was written, so there is nothing to read back
    assert stopped["endpoints"]["rw"]["acknowledged"] == 0


def test_a_probe_that_ends_at_once_is_not_waited_for(database, folder, monkeypatch):
    monkeypatch.setattr(daemon, "measure", lambda *_: None)
    with pytest.raises(DeadlineExceeded, match="its process ended at once"):
        control.start(job(), folder, database.connect, PATIENT)


def test_no_secret_reaches_the_files(database, folder):
    control.start(job(), folder, database.connect, PATIENT)
    texts = [path.read_text() for path in folder.path.iterdir()]
    assert texts
    assert not any("s3cret" in text for text in texts)
    assert folder.path.stat().st_mode & 0o777 == 0o700


def test_a_run_that_is_not_there_is_no_failure(database, folder):
    assert control.stop(job(), folder, database.connect) == control.NOTHING


def test_old_folders_go_and_living_or_young_ones_stay(database, tmp_path):
    root = tmp_path / "runs"
    old, young, living = (RunFolder(name, root) for name in ("old", "young", "living"))
    lock: Any = living.claim()
    for folder in (old, young):
        descriptor: Any = folder.claim()
        os.close(descriptor)
    for folder in (old, living):
        os.utime(folder.path, (0, 0))
    sweep(root)
    assert sorted(path.name for path in root.iterdir()) == ["probe-living", "probe-young"]
    os.close(lock)


def test_interrupted_at_any_moment_a_probe_loses_no_acknowledgement(database, folder):
    """Kill it at random moments: what its last word calls acknowledged must be in the table."""
    chance = random.Random(9)
    for _case in range(5):
        control.start(job(RW, FRESH), folder, database.connect, PATIENT)
        go_on(folder, chance.randint(1, 20))
        os.kill(database.pid, signal.SIGKILL)
        told = control.stop(job(), folder, database.connect)
        assert told["died"]
        assert [one["lost_acknowledged"] for one in told["endpoints"].values()] == [0, 0]
