# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup comes beside the data, and into its place only when nothing is there and it is ready."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import data_folder, transient_unit
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.transient_unit import State
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import DeadlineExceeded, Refused, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.restore_mark import RestoreMark, beside
from ansible_collections.matriarch.pgcluster.plugins.modules import restore_data
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.recovery import FakeRecovery

STAMP = "20261201T020000Z"
WISH = {"target": "latest", "inclusive": True}


class Engine:
    """Its command is what the test makes of it."""

    def __init__(self):
        self.wishes = []

    def restore(self, _settings, wish):
        self.wishes.append(wish)
        return ["engine", "restore", wish.label]


@pytest.fixture
def host(tmp_path, monkeypatch):
    data = tmp_path / "main"
    folder = beside(data, STAMP)
    fake: Any = FakeRecovery(folder, tmp_path / "log")
    fake.data, fake.engine, fake.result, fake.makes = data, Engine(), State(False), True
    fake.stopped = []

    def start(work):
        fake.commands.append(work.command)
        Path(work.log).write_text("working\nERROR: [041]: it went wrong\n")
        if fake.makes:
            (folder / "global").mkdir()
            (folder / "global" / "pg_control").touch()

    monkeypatch.setattr(transient_unit, "start", start)
    monkeypatch.setattr(transient_unit, "state", lambda _unit: fake.result)
    monkeypatch.setattr(transient_unit, "stop", fake.stopped.append)
    monkeypatch.setattr(restore_data, "engine", lambda _name: fake.engine)
    monkeypatch.setattr(Settings, "read", lambda _path: type("Settings", (), {"engine": "x"}))
    monkeypatch.setattr(restore_data, "make_owned", lambda folder, _owner: folder.mkdir())
    return fake


def params(host, **changed):
    return {
        "data_directory": str(host.data), "binary_directory": host.programs, "stamp": STAMP, "target": "latest",
        "wish": WISH, "label": "20261130F", "repository": 1, "system_identifier": "7", "settings_file": "/x",
        "owner": getpass.getuser(), "unit": "copy", "recovery_unit": "recover", "wait_timeout": 0.0, **changed,
    }  # fmt: skip


def put(folder, stage="promoted", stamp=STAMP):
    folder.mkdir(exist_ok=True)
    data_folder.write_mark(folder, RestoreMark(stamp, "latest", stage, wish=WISH))


class TestCopy:
    def test_the_engine_brings_it_beside_the_data(self, host):
        answer = restore_data.copied(params(host), host.folder)
        assert answer["changed"]
        assert host.commands == [["engine", "restore", "20261130F"]]
        (wish,) = host.engine.wishes
        assert (wish.data_directory, wish.target_type) == (str(host.folder), "latest")
        mark: Any = data_folder.read_mark(host.folder)
        assert (mark.stage, mark.target, mark.wish) == ("copied", "latest", WISH)
        assert restore_data.copied(params(host), host.folder) == {"changed": False, "seconds": 0.0}

    def test_what_an_attempt_left_is_made_anew(self, host):
        host.folder.mkdir()
        (host.folder / "half").touch()
        restore_data.copied(params(host), host.folder)
        assert not (host.folder / "half").exists()

    def test_a_mark_that_came_out_of_the_backup_is_no_finished_copy(self, host):
        put(host.folder, stamp="20251201T020000Z")
        assert restore_data.copied(params(host), host.folder)["changed"]
        mark: Any = data_folder.read_mark(host.folder)
        assert (host.commands, mark.stamp) == ([["engine", "restore", "20261130F"]], STAMP)

    def test_such_a_copy_is_waited_for_while_the_engine_works(self, host):
        put(host.folder, stamp="20251201T020000Z")
        host.result = State(True)
        with pytest.raises(DeadlineExceeded, match="still restores"):
            restore_data.copied(params(host), host.folder)
        assert host.commands == []

    def test_one_that_works_already_is_waited_for(self, host):
        host.result = State(True)
        with pytest.raises(DeadlineExceeded, match="still restores"):
            restore_data.copied(params(host), host.folder)
        assert host.commands == []

    def test_a_failure_is_told_in_the_engines_words(self, host):
        host.result = State(False, 41, "exit-code")
        with pytest.raises(RemoteError, match="it went wrong"):
            restore_data.copied(params(host), host.folder)
        assert data_folder.read_mark(host.folder) is None

    def test_no_data_or_anothers(self, host):
        with pytest.raises(RemoteError, match="another cluster's data: system identifier 7, not 8"):
            restore_data.copied(params(host, system_identifier="8"), host.folder)
        host.makes = False
        with pytest.raises(RemoteError, match="holds no data"):
            restore_data.copied(params(host), host.folder)


class TestAdopt:
    def test_into_its_place_once(self, host):
        put(host.folder)
        assert restore_data.adopted(params(host), host.folder)["changed"]
        assert not host.folder.exists()
        mark: Any = data_folder.read_mark(host.data)
        assert mark.stamp == STAMP
        assert not restore_data.adopted(params(host), host.folder)["changed"]

    @pytest.mark.parametrize("stage", ["copied", "recovered"])
    def test_not_before_it_is_ready(self, host, stage):
        put(host.folder, stage)
        with pytest.raises(Refused, match=f"it is {stage}"):
            restore_data.adopted(params(host), host.folder)

    def test_not_over_anything(self, host):
        put(host.folder)
        put(host.data, stamp="20251201T020000Z")
        with pytest.raises(Refused, match="is not free"):
            restore_data.adopted(params(host), host.folder)


def test_what_is_given_up_goes_and_nothing_else(host):
    put(host.folder, "copied")
    host.data.mkdir()
    assert restore_data.absent(params(host), host.folder)["changed"]
    assert host.stopped == ["copy", "recover"]
    assert host.data.exists()
    assert not host.folder.exists()
    assert not restore_data.absent(params(host), host.folder)["changed"]


@pytest.mark.parametrize("stamp", ["", "../x", "20261201", "20261201T020000Z/.."])
def test_a_stamp_is_no_path(host, stamp):
    with pytest.raises(Refused, match="is no stamp"):
        beside(host.data, stamp)
