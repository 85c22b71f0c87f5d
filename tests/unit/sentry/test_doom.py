# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof that a process never runs again, by what /proc tells of it."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.sentry import doom

EXITING = doom.PF_EXITING
NONE, KILL, TERM = "0000000000000000", "0000000000000100", "0000000000004000"


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A /proc and a cgroup that the tests fill."""
    monkeypatch.setattr(doom, "PROC", tmp_path / "proc")
    (tmp_path / "proc").mkdir()
    (tmp_path / "unit" / "below").mkdir(parents=True)
    (tmp_path / "unit" / "cgroup.procs").write_text("7\n8\n")
    (tmp_path / "unit" / "below" / "cgroup.procs").write_text("9\n")
    return tmp_path


def thread(world, pid, tid, state="S", flags=0, pending=NONE):
    folder = world / "proc" / str(pid) / "task" / str(tid)
    folder.mkdir(parents=True)
    (folder / "stat").write_text(f"{tid} (postgres: (w) x) {state} 1 7 7 0 -1 {flags} 1 0 0 0\n")
    (folder / "status").write_text(f"Name:\tpostgres\nState:\t{state}\nSigPnd:\t{pending}\nShdPnd:\t{KILL}\n")


@pytest.mark.parametrize(
    ("told", "alive"),
    [
        ({}, True),
        ({"state": "R"}, True),
        ({"state": "D"}, True),
        ({"state": "T", "pending": TERM}, True),
        ({"state": "D", "pending": KILL}, False),
        ({"state": "R", "pending": KILL}, False),
        ({"state": "D", "flags": EXITING | 0x400000}, False),
        ({"state": "Z"}, False),
        ({"state": "X"}, False),
    ],
)
def test_who_may_run(world, told, alive):
    """A signal for the whole process is none of a thread's own: it may not have been told."""
    thread(world, 7, 7, **told)
    assert doom.alive(world / "unit") == ([7] if alive else [])


def test_every_thread_counts_and_every_cgroup_below(world):
    thread(world, 7, 7, pending=KILL)
    thread(world, 7, 70)
    thread(world, 9, 9)
    assert doom.alive(world / "unit") == [7, 9]


def test_who_is_gone_does_not_run(world):
    assert doom.alive(world / "unit") == []


def test_a_unit_that_never_ran_has_nobody(world):
    assert doom.alive(world / "no-such-unit") == []


def test_who_lives_in_it_is_killed(world):
    doom.kill(world / "unit")
    assert (world / "unit" / "cgroup.kill").read_text() == "1"


def test_where_the_unit_is_gone_nobody_has_to_be_killed(world):
    """systemd has removed its folder since the last time."""
    (world / doom.KILL).touch()
    doom.kill(world / "no-such-unit")
    assert doom.end(world / "no-such-unit") == []


def test_where_no_unit_has_a_folder_nothing_is_proved(world):
    with pytest.raises(OSError, match=r"cgroup\.kill"):
        doom.kill(world / "no-such-unit")


def test_a_kernel_that_does_not_kill_is_told_of(world):
    (world / "unit" / "cgroup.kill").mkdir()
    with pytest.raises(OSError, match=r"cgroup\.kill"):
        doom.kill(world / "unit")


def test_killing_goes_on_until_nobody_is_left(world, monkeypatch):
    thread(world, 7, 7)
    kills = []

    def kill(cgroup):
        kills.append(cgroup)
        if len(kills) == 3:
            (world / "unit" / "cgroup.procs").write_text("")

    monkeypatch.setattr(doom, "kill", kill)
    assert doom.end(world / "unit") == []
    assert len(kills) == 3


def test_it_is_given_up_with_those_who_are_left(world, monkeypatch):
    thread(world, 8, 8, "D")
    monkeypatch.setattr(doom, "kill", lambda _cgroup: None)
    assert doom.end(world / "unit", 0.05) == [8]


def test_the_kernel_tells_the_same_of_a_real_process(tmp_path):
    (tmp_path / "cgroup.procs").write_text("")
    process = subprocess.Popen(["sleep", "60"])
    try:
        (tmp_path / "cgroup.procs").write_text(f"{process.pid}\n{os.getpid()}\n")
        assert doom.alive(tmp_path) == sorted([process.pid, os.getpid()])
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert doom.alive(tmp_path) == [os.getpid()]
    finally:
        process.kill()
        process.wait()
