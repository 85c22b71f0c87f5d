# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test runner counts what its stages print, and leaves nothing out in silence."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "tools" / "run_tests.py"
spec = importlib.util.spec_from_file_location("run_tests", SOURCE)
assert spec is not None
assert spec.loader is not None
runner = importlib.util.module_from_spec(spec)
sys.modules["run_tests"] = runner
spec.loader.exec_module(runner)


@pytest.mark.parametrize(
    ("log", "counted"),
    [
        ("check passed: ruff\ncheck failed: mypy\n", (1, 1, 0)),
        ("12 passed, 3 skipped, 1 warning in 0.52s\n", (12, 0, 3)),
        ("==== 1 failed, 2 passed, 1 error in 61.00s (0:01:01) ====\n", (2, 2, 0)),
        ("INFO     [default > converge] Executed: Successful\ndefault > converge: Executed: Successful\n", (1, 0, 0)),
        ("ERROR    [default > converge] \x1b[31mExecuted: Failed\x1b[0m\n", (0, 1, 0)),
        ("nothing that counts: 3 passed by\n", (0, 0, 0)),
    ],
)
def test_it_counts_what_a_stage_prints(log, counted):
    count = runner.count_checks(log)
    assert (count.passed, count.failed, count.skipped) == counted


@pytest.fixture
def run_stage(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "LOGS", tmp_path)
    return lambda *command, minutes=1: runner.run(runner.Stage("a stage", command, minutes))


def test_a_stage_that_reports_nothing_has_failed(run_stage):
    assert not run_stage("true").ok


def test_a_stage_that_dies_counts_as_a_failure(run_stage):
    result = run_stage("sh", "-c", "echo check passed: one; exit 3")
    assert (result.ok, str(result.count)) == (False, "1 passed, 1 failed")


def test_what_failed_stands_above_the_table(run_stage):
    log = """TASK [etcd : Configure etcd] *****
ok: [db1]
TASK [etcd : Start etcd] *****
fatal: [db1]: FAILED! =>
    changed: false
    msg: no space

PLAY RECAP *****
    not of the task
* [db2] => etcd : Configure etcd
FAILED tests/test_a.py::test_b - AssertionError
"""
    result = run_stage("sh", "-c", f"echo '{log}'; exit 1")
    printed = runner.summary([result], [])
    assert printed.startswith(
        """what failed in a stage:
TASK [etcd : Start etcd]
fatal: [db1]: FAILED! =>
    changed: false
    msg: no space
* [db2] => etcd : Configure etcd
FAILED tests/test_a.py::test_b - AssertionError

stage """
    )


def test_a_stage_beyond_its_time_is_ended(run_stage):
    assert not run_stage("sleep", "60", minutes=0.001).ok


def test_every_scenario_is_a_stage():
    scenarios = {path.parent.name for path in runner.ROOT.glob("molecule/*/molecule.yml")}
    assert {f"molecule {name}" for name in scenarios} <= {stage.name for stage in runner.STAGES}


def test_the_summary_names_what_was_left_out():
    assert "not in this run (make test-all): extra" in runner.summary([], [runner.Stage("extra", (), 1, ci=False)])
