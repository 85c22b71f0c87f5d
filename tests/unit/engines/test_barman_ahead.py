# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Segments that are sent before their turn."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud import ahead
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud.ahead import Ahead
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError


def name(number: int) -> str:
    return f"00000001{number:016X}"


class Wal:
    """A member's WAL, of which some waits; what was kept, and what a repository refuses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: list[str] = []
        self.refused: set[str] = set()
        (folder / "archive_status").mkdir()
        self.notes = Ahead("here", folder / "spool")
        self.notes.spool.mkdir()

    def waits(self, *names: str) -> None:
        for each in names:
            (self.folder / each).write_bytes(b"WAL")
            (self.folder / "archive_status" / f"{each}.ready").touch()

    def keep(self, path: Path) -> None:
        if path.name in self.refused:
            raise MatriarchError("no route")
        self.kept.append(path.name)

    def push(self, which: str) -> None:
        if not self.notes.was_sent(self.folder / which):
            self.notes.send(self.folder / which, self.keep, 1)


@pytest.fixture
def wal(tmp_path):
    return Wal(tmp_path)


def test_those_behind_it_are_sent_once(wal):
    wal.waits(name(1), name(2), name(3))
    for number in (1, 2, 3):
        wal.push(name(number))
    assert wal.kept == [name(1), name(2), name(3)]
    assert list(wal.notes.spool.iterdir()) == []


def test_what_is_before_it_or_no_segment_is_left_alone(wal):
    wal.waits(name(1), name(2), "00000002.history", f"{name(3)}.00000028.backup", f"{name(3)}.partial")
    wal.push(name(2))
    assert wal.kept == [name(2)]


def test_no_more_than_some(wal):
    wal.waits(*(name(number) for number in range(1, 30)))
    wal.push(name(1))
    assert len(wal.kept) == 1 + ahead.MOST


def test_its_own_failure_is_told_and_nothing_is_noted(wal):
    wal.waits(name(1), name(2))
    wal.refused = {name(1), name(2)}
    with pytest.raises(MatriarchError, match="no route"):
        wal.push(name(1))
    assert list(wal.notes.spool.iterdir()) == []


def test_one_behind_it_that_failed_has_its_turn(wal):
    wal.waits(name(1), name(2), name(3))
    wal.refused = {name(2)}
    wal.push(name(1))
    with pytest.raises(MatriarchError, match="no route"):
        wal.push(name(2))
    assert wal.kept == [name(1), name(3)]


@pytest.mark.parametrize("what", ["the file", "the repositories"])
def test_a_note_of_something_else_is_worth_nothing(wal, what):
    wal.waits(name(1), name(2))
    wal.push(name(1))
    if what == "the file":
        os.utime(wal.folder / name(2), ns=(1, 1))
    else:
        wal.notes = replace(wal.notes, place="elsewhere")
    wal.push(name(2))
    assert wal.kept == [name(1), name(2), name(2)]


def test_notes_whose_turn_never_came_are_removed(wal):
    wal.waits(name(1), name(2))
    wal.push(name(1))
    (old,) = wal.notes.spool.iterdir()
    os.utime(old, (1, 1))
    wal.waits(name(9))
    wal.push(name(9))
    assert list(wal.notes.spool.iterdir()) == []
