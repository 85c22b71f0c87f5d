# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from lab.cgroup import Group


def group(folder: Path, events: str) -> Group:
    (folder / "cgroup.procs").write_text("")
    (folder / "cgroup.events").write_text(events)
    return Group(folder)


def test_a_host_is_on_while_its_processes_move_to_where_nobody_has_looked(tmp_path: Path) -> None:
    moving = group(tmp_path, "populated 1\nfrozen 0\n")
    assert not moving.pids()
    assert moving.populated()


@pytest.mark.parametrize(
    ("events", "is_frozen"), [("populated 0\nfrozen 0\n", False), ("populated 0\nfrozen 1\n", True)]
)
def test_a_group_without_processes_is_empty_whether_frozen_or_not(tmp_path: Path, events: str, is_frozen: bool) -> None:
    assert not group(tmp_path, events).populated()
    assert Group(tmp_path).frozen() is is_frozen


def test_a_group_that_is_not_there_is_neither(tmp_path: Path) -> None:
    assert not Group(tmp_path / "gone").populated()
    assert not Group(tmp_path / "gone").frozen()
