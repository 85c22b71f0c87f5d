# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The child that touches the disk: where it writes, what it tells, and that it comes back."""

from __future__ import annotations

import getpass
import os
import signal
import time

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.sentry import probing
from ansible_collections.matriarch.pgcluster.plugins.module_utils.sentry.probing import NAME, Probe, rounds


@pytest.fixture
def data(tmp_path):
    (tmp_path / "pg_wal").mkdir()
    (tmp_path / "postmaster.pid").write_text(f"4711\n{tmp_path}\n")
    return tmp_path


def written(data):
    return sorted(str(path.relative_to(data)) for path in data.rglob(NAME))


def test_one_file_on_each_disk(data):
    assert list(rounds(data)) == [(4711, False), (4711, True)]
    assert written(data) == [f"pg_wal/{NAME}"]


def test_wal_on_a_disk_of_its_own(data, monkeypatch):
    monkeypatch.setattr(probing, "folders", lambda data: [data / "pg_wal", data])
    assert list(rounds(data)) == [(4711, False), (4711, True), (4711, True)]
    assert written(data) == [f"pg_wal/{NAME}", NAME]


@pytest.mark.parametrize("text", [None, "", "none\n"])
def test_where_no_postgresql_runs_nothing_is_written(data, text):
    (data / "postmaster.pid").unlink()
    if text is not None:
        (data / "postmaster.pid").write_text(text)
    assert list(rounds(data)) == [(0, True)]
    assert written(data) == []


def test_a_disk_that_refuses_has_answered(data, monkeypatch):
    def full(_path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(probing, "touch", full)
    assert list(rounds(data)) == [(4711, False), (4711, True)]


def test_the_file_does_not_grow(data):
    for _turn in range(3):
        list(rounds(data))
    assert (data / "pg_wal" / NAME).stat().st_size == 21


def test_the_child_tells_and_is_made_anew(data, monkeypatch):
    monkeypatch.setattr(probing, "SECONDS", 0.01)
    probe = Probe(data, getpass.getuser())
    try:
        assert probe.wait(10)
        assert probe.postmaster == 4711
        first = probe._pid
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while probe._pid == first and time.monotonic() < deadline:
            probe.wait(0.01)
        assert probe._pid != first
        assert probe.wait(10)
    finally:
        probe.end()


def test_whose_first_write_hangs_has_told_the_postmaster(data, monkeypatch):
    monkeypatch.setattr(probing, "touch", lambda _path: time.sleep(60))
    probe = Probe(data, getpass.getuser())
    try:
        assert probe.postmaster is None
        deadline = time.monotonic() + 10
        while probe.postmaster is None and time.monotonic() < deadline:
            assert not probe.wait(0.1)
        assert probe.postmaster == 4711
    finally:
        probe.end()


def test_what_is_told_first_does_not_end_the_wait_for_a_write(data, monkeypatch):
    """Or a disk that is well would be taken for one that hangs, where that was so before."""
    monkeypatch.setattr(probing, "touch", lambda _path: time.sleep(0.3))
    probe = Probe(data, getpass.getuser())
    try:
        assert probe.wait(10)
    finally:
        probe.end()


def test_a_stopped_child_is_not_stuck(data):
    probe = Probe(data, getpass.getuser())
    try:
        os.kill(probe._pid, signal.SIGSTOP)
        assert not probe.is_stuck
    finally:
        probe.end()
