# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that root writes into directories of others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.owned_file import replace_file


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_with_mode_and_owner(tmp_path, durable):
    path = tmp_path / "mark"
    path.write_text("old")
    replace_file(path, "néw", owner=tmp_path.stat(), mode=0o640, durable=durable)
    found = path.stat()
    assert path.read_text(encoding="utf-8") == "néw"
    assert (found.st_mode & 0o7777, found.st_uid) == (0o640, tmp_path.stat().st_uid)
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_in_its_place_is_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("of root")
    path = tmp_path / "theirs"
    path.symlink_to(secret)
    replace_file(path, "new", owner=tmp_path.stat(), mode=0o600)
    assert secret.read_text() == "of root"
    assert not path.is_symlink()
    assert path.read_text() == "new"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_it_belongs_to_whom_it_is_for(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 12345, 12346)
    replace_file(theirs / "mark", "x", owner=theirs.stat(), mode=0o600)
    found = (theirs / "mark").stat()
    assert (found.st_uid, found.st_gid) == (12345, 12346)


def test_what_cannot_be_replaced_leaves_nothing_behind(tmp_path):
    (tmp_path / "mark").mkdir()
    (tmp_path / "mark" / "full").touch()
    with pytest.raises(OSError, match="mark"):
        replace_file(tmp_path / "mark", "x", owner=Path(tmp_path).stat(), mode=0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["mark"]
