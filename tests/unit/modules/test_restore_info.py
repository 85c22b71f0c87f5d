# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import data_folder, host_data, host_system
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.restore_mark import RestoreMark, beside
from ansible_collections.matriarch.pgcluster.plugins.modules import restore_info
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.recovery import FakeRecovery

STAMP = "20261201T020000Z"
WISH = {"target": "latest"}


@pytest.fixture
def host(tmp_path, monkeypatch):
    fake: Any = FakeRecovery(tmp_path / "main", tmp_path / "log")
    fake.unit = {"active": "active", "enabled": "enabled"}
    monkeypatch.setattr(host_system, "units", lambda names: dict.fromkeys(names, fake.unit))
    return fake


@pytest.fixture
def place(host, run_module):
    def place(stamp=STAMP):
        told = {"data_directory": str(host.folder), "binary_directory": host.programs, "stamp": stamp}
        return run_module(restore_info, **told)["place"]

    return place


def put(folder, stage="promoted", stamp=STAMP):
    (folder / "global").mkdir(parents=True)
    (folder / "global" / "pg_control").touch()
    data_folder.write_mark(folder, RestoreMark(stamp, "latest", stage, {"replayed": "0/5"}, WISH))


def test_nothing_is_there(host, place):
    assert (place()["data"], place()["prepared"], place()["system_identifier"]) == ("none", "", "")
    host.folder.mkdir()
    assert place()["data"] == "none"


def test_what_has_no_control_file_is_unfinished(host, place):
    (host.folder / "base").mkdir(parents=True)
    assert place()["data"] == "unfinished"


def test_former_data_that_lies_aside(host, place):
    host.folder.with_name(f"main.former-{STAMP}").mkdir()
    assert place()["is_aside"]
    assert not place("20251201T020000Z")["is_aside"]
    assert not place("")["is_aside"]


def test_former_data_and_a_copy_beside_it(host, place):
    put(host.folder, stamp="20251201T020000Z")
    put(beside(host.folder, STAMP), "recovered")
    told = place()
    assert (told["data"], told["prepared"], told["evidence"]) == ("former", "recovered", {"replayed": "0/5"})
    assert (told["system_identifier"], told["timeline"]) == ("7", 3)
    assert place("")["prepared"] == ""


def test_what_a_broken_copy_takes_up_is_free_for_the_next_one(host, place, monkeypatch):
    monkeypatch.setattr(host_data, "disk", lambda _root, _path: {"free_mb": 5})
    folder = beside(host.folder, STAMP)
    (folder / "base").mkdir(parents=True)
    (folder / "base" / "1").write_bytes(b"x" * 2**20)
    assert 6 * 2**20 <= place()["free"] < 6.1 * 2**20
    data_folder.write_mark(folder, RestoreMark(STAMP, "latest", "copied"))
    assert place()["free"] == place("")["free"] == 5 * 2**20


def test_a_mark_that_came_out_of_the_backup_is_not_that_of_the_copy(host, place):
    put(beside(host.folder, STAMP), stamp="20251201T020000Z")
    told = place()
    assert (told["prepared"], told["evidence"]) == ("", {})


def test_restored_data_is_known_by_its_mark(host, place):
    put(host.folder)
    told = place()
    assert (told["data"], told["restored"]) == ("restored", WISH)
    assert place("20251201T020000Z")["data"] == "former"


def test_a_copy_that_was_adopted_too_soon_is_not_restored_data(host, place):
    put(host.folder, "recovered")
    assert (place()["data"], place()["restored"]) == ("former", {})


@pytest.mark.parametrize(
    ("unit", "runs", "starts"),
    [
        ({"active": "active", "enabled": "enabled"}, True, True),
        ({"active": "deactivating", "enabled": "disabled"}, True, False),
        ({"active": "failed", "enabled": "enabled"}, False, True),
        ({"active": "inactive", "enabled": None}, False, False),
    ],
)
def test_whether_it_runs(host, place, unit, runs, starts):
    host.unit = unit
    assert (place()["runs"], place()["starts"]) == (runs, starts)


def test_a_postgresql_without_its_patroni_runs(host, place, monkeypatch):
    host.unit = {"active": "inactive", "enabled": None}
    put(host.folder)
    (host.folder / "postmaster.pid").write_text(f"{os.getpid()}\n")
    assert not place()["runs"], "another process has that number now"
    monkeypatch.chdir(host.folder)
    assert place()["runs"]


def test_tablespaces(host, place):
    put(host.folder)
    (host.folder / "pg_tblspc").mkdir()
    assert not place()["has_tablespaces"]
    (host.folder / "pg_tblspc" / "16400").symlink_to("/elsewhere")
    assert place()["has_tablespaces"]
