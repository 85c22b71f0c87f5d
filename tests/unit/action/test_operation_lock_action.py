# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run's identity, and the proof that another one is dead, with real processes; Linux only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.action import operation_lock
from ansible_collections.matriarch.pgcluster.plugins.action.operation_lock import ActionModule, is_dead, this_run
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.operation import Holder

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen(SLEEPER)
    yield started
    started.kill()
    started.wait()


@pytest.fixture
def holder(process: subprocess.Popen[bytes]) -> Holder:
    return replace(this_run(), pid=process.pid, started=operation_lock.started(process.pid) or 0)


def test_a_run_is_the_process_that_forked_the_worker() -> None:
    here = this_run()
    assert (here.pid, here == this_run()) == (os.getppid(), True)
    assert all((here.who, here.host, here.started, here.boot_id, here.namespace))


def test_workers_of_one_run_are_the_same_holder_and_another_run_is_not(holder: Holder) -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]; from ansible_collections.matriarch.pgcluster.plugins.action"
        ".operation_lock import this_run; print(this_run())"
    )
    command = [sys.executable, "-c", code, *sys.path, str(collections_root())]
    told = {subprocess.run(command, check=True, capture_output=True, text=True).stdout for _worker in range(2)}
    assert told == {f"{replace(this_run(), pid=os.getpid())}\n"}


def collections_root() -> Path:
    return Path(str(operation_lock.__file__)).parents[5]


def test_a_holder_that_runs_is_not_dead(holder: Holder) -> None:
    assert not is_dead(holder, this_run())


def test_a_killed_holder_is_dead_before_and_after_its_parent_knows(
    process: subprocess.Popen[bytes], holder: Holder
) -> None:
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(holder, this_run())
    process.wait()
    assert is_dead(holder, this_run())


def test_a_process_id_that_was_given_out_again_is_another_process(holder: Holder) -> None:
    assert is_dead(replace(holder, started=holder.started - 1), this_run())


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"host": "another"},
        {"boot_id": "another"},
        {"boot_id": ""},
        {"namespace": "another"},
        {"started": 0},
        {"pid": 0},
        {"pid": -1},
    ],
)
def test_what_cannot_be_proven_is_not_dead(
    process: subprocess.Popen[bytes], holder: Holder, elsewhere: dict[str, Any]
) -> None:
    process.kill()
    process.wait()
    assert not is_dead(replace(holder, **elsewhere), this_run())


def test_a_number_that_is_no_process_id_is_not_proven_dead(holder: Holder) -> None:
    assert not is_dead(replace(holder, pid=2**70), this_run())


def test_without_proc_nothing_is_proven_and_the_run_has_a_name_all_the_same(
    holder: Holder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(operation_lock, "PROC", tmp_path)
    here = this_run()
    assert (here.started, here.boot_id, here.namespace, here.pid) == (0, "", "", os.getppid())
    assert not is_dead(replace(here, pid=holder.pid), here)


def test_a_process_may_have_any_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(operation_lock, "PROC", tmp_path)
    (tmp_path / "7").mkdir()
    fields = ["S", *(str(number) for number in range(4, 53))]
    (tmp_path / "7" / "stat").write_text(f"7 (a) 1 (b) Z c) {' '.join(fields)}\n")
    assert operation_lock.started(7) == 22


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError("no such user")

    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr("getpass.getuser", nobody)
    assert operation_lock.user() == str(os.getuid())
    monkeypatch.setenv("SUDO_USER", "alice")
    assert operation_lock.user() == "alice"


class Played(ActionModule):
    """The action without Ansible: `answers` are those of the module, `asked` what it was called with."""

    def __init__(self, args: dict[str, Any], *answers: dict[str, Any]) -> None:
        self._task = SimpleNamespace(args=args)
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def _execute_module(self, module_name: str, module_args: dict[str, Any], **_options: Any) -> dict[str, Any]:
        assert module_name == "matriarch.pgcluster.operation_lock"
        self.asked.append(module_args)
        return self.answers.pop(0)


@pytest.fixture(autouse=True)
def no_base_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible.plugins.action.ActionBase.run", lambda *_args, **_options: {})


def test_the_module_is_told_which_run_this_is() -> None:
    action = Played({"state": "held"}, {"changed": True, "held_by": None})
    assert action.run() == {"changed": True, "held_by": None}
    assert action.asked == [{"state": "held", "holder": this_run().facts()}]


def test_the_lock_of_a_dead_run_is_taken_over_at_the_revision_that_was_seen(
    process: subprocess.Popen[bytes], holder: Holder
) -> None:
    process.kill()
    process.wait()
    held = {"failed": True, "held_by": {"holder": holder.facts(), "revision": 42}}
    action = Played({}, held, {"taken_over_from": holder.facts()})
    assert action.run() == {"taken_over_from": holder.facts()}
    assert [asked.get("takeover_revision") for asked in action.asked] == [None, 42]


@pytest.mark.parametrize("told", [None, "garbage", {}, {"pid": "1"}])
def test_a_holder_that_makes_no_sense_is_not_taken_over(told: object) -> None:
    held = {"failed": True, "held_by": {"holder": told, "revision": 42}}
    action = Played({}, held)
    assert action.run() == held


def test_a_holder_that_lives_is_not_taken_over(holder: Holder) -> None:
    held = {"failed": True, "held_by": {"holder": holder.facts(), "revision": 42}}
    action = Played({}, held)
    assert action.run() == held
