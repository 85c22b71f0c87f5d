# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import volumes as client
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.volumes import volumes
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.volume import Volume

ELSEWHERE = "/dev/shm"


@pytest.fixture
def elsewhere(tmp_path):
    if Path(ELSEWHERE).stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip(f"{ELSEWHERE} is no file system of its own here")
    return ELSEWHERE


def test_one_for_each_file_system(tmp_path, elsewhere):
    paths = {"data": str(tmp_path), "wal": elsewhere, "log": str(tmp_path.parent), "ballast": str(tmp_path / "gone")}
    one, other = map(Volume.parse, volumes(paths))
    assert (one.holds, other.holds) == ({"data": paths["data"], "log": paths["log"]}, {"wal": elsewhere})
    assert 0 < one.free_bytes < one.total_bytes
    assert 0 <= one.free_percent <= 100
    assert not one.read_only


def test_a_link_is_followed(tmp_path, elsewhere):
    (tmp_path / "pg_wal").symlink_to(elsewhere)
    (found,) = volumes({"wal": str(tmp_path / "pg_wal")})
    assert found["total_bytes"] == os.statvfs(elsewhere).f_blocks * os.statvfs(elsewhere).f_frsize


def test_what_cannot_be_read(tmp_path, monkeypatch):
    def fails(path: Path) -> None:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr(os, "statvfs", fails)
    with pytest.raises(OSError, match="Input/output error"):
        volumes({"data": str(tmp_path)})


@pytest.mark.parametrize(
    ("options", "read_only"),
    [("rw", False), ("rw,abort,emergency_ro", True), ("ro,errors=remount-ro", True), ("rw,shutdown", True)],
)
def test_what_the_kernel_has_given_up(tmp_path, monkeypatch, options, read_only):
    device = tmp_path.stat().st_dev
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"21 1 {os.major(device)}:{os.minor(device)} / / rw,relatime shared:1 - ext4 /dev/a {options}\n"
        "22 1 999:1 / /other rw - ext4 /dev/b ro\n"
    )
    monkeypatch.setattr(client, "MOUNTS", mounts)
    (found,) = volumes({"data": str(tmp_path)})
    assert found["read_only"] is read_only


def test_a_file_system_without_a_number_of_files():
    volume = Volume({"data": "/data"}, 1, 2, 0, 0, read_only=False)
    assert (volume.free_percent, volume.free_files_percent) == (50.0, 100.0)
