# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import getpass
import os
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.ballast import plan_ballast
from ansible_collections.matriarch.pgcluster.plugins.modules import ballast_file
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule

MIB = 2**20


@pytest.mark.parametrize(
    ("wanted", "there", "free", "action"),
    [
        (64, None, 320, "make"),
        (64, None, 319, "wait"),
        (64, 32, 288, "make"),
        (64, 32, 287, "wait"),
        (64, 64, 0, "keep"),
        (64, 128, 0, "keep"),
        (0, 64, 0, "remove"),
        (0, 0, 0, "remove"),
        (0, None, 0, "keep"),
    ],
)
def test_what_is_done(wanted: int, there: int | None, free: int, action: str) -> None:
    step = plan_ballast(wanted * MIB, None if there is None else there * MIB, free * MIB)
    assert step.action == action
    assert step.changes == (action in ("make", "remove"))


def test_what_it_waits_for_is_said() -> None:
    assert plan_ballast(64 * MIB, None, 100 * MIB).reason == (
        "100.0 MiB are free, and 320.0 MiB are needed to keep 64.0 MiB back"
    )


@pytest.fixture
def wish(tmp_path: Path) -> dict[str, object]:
    return {"path": str(tmp_path / "shop.ballast"), "megabytes": 1, "owner": getpass.getuser()}


def test_announced_made_kept_made_again_and_removed(wish: dict[str, object], run_module: RunModule) -> None:
    path = Path(str(wish["path"]))
    assert run_module(ballast_file, check_mode=True, **wish)["changed"]
    assert not path.exists()
    assert run_module(ballast_file, **wish)["diff"] == {"before": {"bytes": None}, "after": {"bytes": MIB}}
    assert path.stat().st_blocks * 512 >= MIB
    assert path.stat().st_mode & 0o777 == 0o600
    assert not run_module(ballast_file, **wish)["changed"]
    path.unlink()
    assert run_module(ballast_file, **wish)["action"] == "make"
    assert run_module(ballast_file, **{**wish, "megabytes": 0})["action"] == "remove"
    assert not path.exists()
    assert not run_module(ballast_file, **{**wish, "megabytes": 0})["changed"]


def test_holes_are_no_ballast(wish: dict[str, object], run_module: RunModule) -> None:
    path = Path(str(wish["path"]))
    with path.open("wb") as file:
        file.truncate(MIB)
    assert run_module(ballast_file, **wish)["action"] == "make"
    assert path.stat().st_blocks * 512 >= MIB


def test_without_room_nothing_is_made(
    wish: dict[str, object], run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ballast_file, "free", lambda _path: 4 * MIB)
    answer = run_module(ballast_file, **wish)
    assert (answer["action"], answer["changed"]) == ("wait", False)
    assert not Path(str(wish["path"])).exists()


def test_what_fails_leaves_nothing(
    wish: dict[str, object], run_module: RunModule, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_told: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    answer = run_module(ballast_file, **wish)
    assert answer["failed"]
    assert "No space left on device" in answer["msg"]
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_yet(wish: dict[str, object], run_module: RunModule, tmp_path: Path) -> None:
    wish["path"] = str(tmp_path / "17" / "shop.ballast")
    assert run_module(ballast_file, check_mode=True, **wish)["action"] == "make"
