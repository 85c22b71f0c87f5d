# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.modules import set_aside
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule


def test_show_then_move_then_find_nothing_to_do(tmp_path: Path, run_module: RunModule) -> None:
    data, aside = tmp_path / "shop {{ x }}", tmp_path / "shop {{ x }}.lost-1"
    (data / "member").mkdir(parents=True)
    predicted = run_module(set_aside, check_mode=True, path=str(data), suffix="lost-1")
    assert (data / "member").is_dir()
    done = run_module(set_aside, path=str(data), suffix="lost-1")
    assert (aside / "member").is_dir()
    assert not data.exists()
    again = run_module(set_aside, path=str(data), suffix="lost-1")
    assert (predicted["aside"], done["aside"], again["aside"]) == (str(aside), str(aside), None)
    assert (predicted["changed"], done["changed"], again["changed"]) == (True, True, False)


def test_something_else_takes_its_place_once(tmp_path: Path, run_module: RunModule) -> None:
    old, new, aside = tmp_path / "shop", tmp_path / "shop.new", tmp_path / "shop.lost-1"
    old.write_text("old")
    new.write_text("new")
    wish = {"path": str(old), "suffix": "lost-1", "replacement": str(new)}
    assert run_module(set_aside, check_mode=True, **wish)["changed"]
    assert (old.read_text(), new.read_text()) == ("old", "new")
    assert run_module(set_aside, **wish)["aside"] == str(aside)
    assert (old.read_text(), aside.read_text(), new.exists()) == ("new", "old", False)
    assert not run_module(set_aside, **wish)["changed"]
    assert (old.read_text(), aside.read_text()) == ("new", "old")


def test_it_takes_the_place_of_what_an_interrupted_run_moved_aside(tmp_path: Path, run_module: RunModule) -> None:
    old, new, aside = tmp_path / "shop", tmp_path / "shop.new", tmp_path / "shop.lost-1"
    new.write_text("new")
    assert run_module(set_aside, path=str(old), suffix="lost-1", replacement=str(new))["changed"]
    assert (old.read_text(), aside.exists()) == ("new", False)


def test_what_was_moved_before_is_never_replaced(tmp_path: Path, run_module: RunModule) -> None:
    for name in ("shop", "shop.lost-1"):
        (tmp_path / name).write_text(name)
    answer = run_module(set_aside, path=str(tmp_path / "shop"), suffix="lost-1")
    assert "exists already" in answer["msg"]
    assert (tmp_path / "shop.lost-1").read_text() == "shop.lost-1"


def test_what_a_server_runs_on_stays(tmp_path: Path, run_module: RunModule, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "main"
    data.mkdir()
    monkeypatch.chdir(data)
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n")
    wish = {"path": str(data), "suffix": "former-1"}
    assert "a PostgreSQL runs on it" in run_module(set_aside, **wish)["msg"]
    assert data.is_dir()
    assert run_module(set_aside, check_mode=True, **wish)["changed"], "it would be stopped before"
    monkeypatch.chdir(tmp_path)
    assert run_module(set_aside, **wish)["changed"], "the file of a server that is gone is no hindrance"


def test_tablespaces_are_seen_before_anything_is_stopped(tmp_path: Path, run_module: RunModule) -> None:
    (tmp_path / "main" / "pg_tblspc").mkdir(parents=True)
    wish = {"path": str(tmp_path / "main"), "suffix": "former-1"}
    assert run_module(set_aside, check_mode=True, **wish)["changed"]
    (tmp_path / "main" / "pg_tblspc" / "16400").symlink_to(tmp_path)
    assert "has tablespaces" in run_module(set_aside, check_mode=True, **wish)["msg"]


@pytest.mark.parametrize("suffix", ["", "../x", "a/b"])
def test_a_suffix_that_leads_elsewhere(tmp_path: Path, run_module: RunModule, suffix: str) -> None:
    assert run_module(set_aside, path=str(tmp_path), suffix=suffix)["failed"]
    assert tmp_path.is_dir()
