# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.backups import S3, settings


def test_what_is_kept_in_the_file_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(asdict(settings())))
    assert Settings.read(str(path)) == settings()


def test_a_cluster_without_backups_is_told_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(MatriarchError, match=r"has no backups\. Next: declare backup_repositories"):
        Settings.read(str(tmp_path / "settings.json"))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"cluster": "x"}'])
def test_a_file_that_holds_something_else_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(text)
    with pytest.raises(MatriarchError, match=r"settings"):
        Settings.read(str(path))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"type": "tape"}, "type is 'tape', and must be one of s3, directory"),
        ({"path": "shop"}, "path is 'shop', and must begin with a slash"),
        ({"bucket": ""}, "needs bucket and endpoint"),
        ({"endpoint": ""}, "needs bucket and endpoint"),
        ({"credentials": "none"}, "credentials is 'none'"),
        ({"buckett": "x"}, "unknown: buckett"),
    ],
)
def test_a_repository_that_makes_no_sense_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(MatriarchError, match=problem):
        settings(repositories=[S3, {**S3, **changes}])


@pytest.mark.parametrize("hours", [0, 5, 25, -6])
def test_an_interval_divides_the_day(hours: int) -> None:
    with pytest.raises(MatriarchError, match="divisor of 24"):
        settings(schedule={"interval_hours": hours, "offset_hours": 1, "full_days": 1})


@pytest.mark.parametrize("days", [0, -1])
def test_nothing_is_kept_for_no_time(days: int) -> None:
    with pytest.raises(MatriarchError, match="keep_days"):
        settings(keep_days=days)
