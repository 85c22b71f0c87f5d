# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill does its work with: a server that is its child, a watch over it, and a place that is always cleared."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.lock import Busy
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.transient_unit import Work
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.child import Child
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.place import Place
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.state import DrillState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.watch import GivenUp, Watch
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import DrillSettings
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.backups import settings

SERVES = """
import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print('up', flush=True)
time.sleep(60)
"""


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


class TestChild:
    @pytest.fixture
    def log(self, tmp_path):
        return tmp_path / "log"

    def start(self, log, code):
        child = Child(Watch([]))
        child.start(Work("drill", [sys.executable, "-c", code], "nobody", str(log)))
        return child

    def test_it_runs_until_it_is_stopped(self, log):
        child = self.start(log, SERVES)
        until(lambda: log.read_text() == "up\n")
        assert child.state("drill").runs
        child.stop("drill")
        assert (child.state("drill").runs, child.state("drill").status) == (False, 0)
        child.stop("drill")

    def test_how_it_failed(self, log):
        child = self.start(log, "raise SystemExit(3)")
        until(lambda: not child.state("drill").runs)
        assert (child.state("drill").status, child.state("drill").result) == (3, "exit-code")

    def test_before_it_was_started_nothing_runs(self):
        assert not Child(Watch([])).state("drill").runs

    def test_whoever_looks_hears_that_it_is_given_up(self, log):
        with Watch([lambda: "no room"], interval=0.01) as watch:
            child = Child(watch)
            child.start(Work("drill", [sys.executable, "-c", SERVES], "nobody", str(log)))
            # A job of a shell ignores SIGINT, and so would a child that is not up yet.
            until(lambda: log.read_text() == "up\n")
            until(watch.given_up.is_set)
            with pytest.raises(GivenUp, match="no room"):
                child.state("drill")
            child.stop("drill")


class TestWatch:
    def test_the_first_reason_counts(self):
        reasons = iter(["", "", "the lock is lost", "no room"])
        with Watch([lambda: next(reasons)], interval=0.01) as watch:
            until(watch.given_up.is_set)
            with pytest.raises(GivenUp, match="the lock is lost"):
                watch.go_on()

    def test_while_all_is_well_work_goes_on(self):
        with Watch([lambda: ""], interval=0.01) as watch:
            time.sleep(0.05)
            watch.go_on()


class TestPlace:
    @pytest.fixture
    def place(self, tmp_path, monkeypatch):
        monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
        (tmp_path / "17" / "main").mkdir(parents=True)
        (tmp_path / "17" / "main" / "PG_VERSION").touch()
        return Place(settings(data_directory=str(tmp_path / "17" / "main")), str(tmp_path / "lock"))

    def test_it_lies_beside_the_data_and_goes_without_a_trace(self, place, tmp_path):
        place.make()
        (place.data / "base").mkdir()
        assert place.folder == tmp_path / "17" / "main.drill"
        place.sweep()
        place.sweep()
        assert [each.name for each in (tmp_path / "17").iterdir()] == ["main"]
        assert (tmp_path / "17" / "main" / "PG_VERSION").exists()

    def test_it_may_lie_elsewhere(self, tmp_path):
        declared = settings(data_directory="/var/lib/postgresql/17/main")
        elsewhere = replace(declared, drill=DrillSettings(directory=str(tmp_path)))
        assert Place(elsewhere).folder == tmp_path / "main.drill"

    def test_what_lies_there_is_no_place_for_another(self, place):
        place.make()
        with pytest.raises(MatriarchError, match=r"main\.drill could not be made"):
            place.make()

    def test_one_at_a_time(self, place):
        with place.alone(), pytest.raises(Busy, match="a drill runs on this host"), place.alone():
            pytest.fail("two are alone")
        with place.alone():
            pass

    def test_a_file_system_that_is_not_there(self):
        place = Place(settings(drill={"directory": "/nowhere"}))
        with pytest.raises(MatriarchError, match="/nowhere: No such file"):
            place.room()
        assert Place(settings(data_directory="/")).room()[0] > 0


class TestState:
    def test_what_was_written_is_read(self, tmp_path):
        state = DrillState(failed_at="2026-11-20T01:00:00Z", failure="x")
        state.write(str(tmp_path / "drill.json"))
        assert DrillState.read(str(tmp_path / "drill.json")) == state

    @pytest.mark.parametrize("text", ["", "[]", "null", "{"])
    def test_a_file_that_makes_no_sense_is_as_none(self, tmp_path: Path, text: str):
        (tmp_path / "drill.json").write_text(text)
        assert DrillState.read(str(tmp_path / "drill.json")) == DrillState()
