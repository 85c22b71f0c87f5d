# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import time
from pathlib import Path

from lab.packages import ARCHIVES, LISTS, LISTS_VALID, PackageCache

LIST = "archive.test_dists_trixie_main_binary-amd64_Packages"


def used_layer(root: Path, updated: float) -> Path:
    """A host that ran `apt-get update` at this time and downloaded one package."""
    for folder in (ARCHIVES, LISTS / "partial"):
        (root / folder).mkdir(parents=True)
    (root / ARCHIVES / "etcd_1_amd64.deb").write_text("package")
    (root / LISTS / "lock").touch()
    (root / LISTS / LIST).write_text("list")
    os.utime(root / LISTS / LIST, (1000, 1000))
    os.utime(root / LISTS, (updated, updated))
    return root


def test_the_next_host_finds_packages_and_lists(tmp_path: Path) -> None:
    cache = PackageCache(tmp_path / "cache", "image-1")
    assert cache.take(used_layer(tmp_path / "old", time.time())) == 1
    new = tmp_path / "new"
    new.mkdir()
    cache.give(new)
    assert [path.name for path in (new / ARCHIVES).iterdir()] == ["etcd_1_amd64.deb"]
    assert [path.name for path in (new / LISTS).iterdir()] == [LIST]
    assert (new / LISTS / LIST).stat().st_mtime == 1000, "apt asks the archive for changes since"
    assert time.time() - (new / LISTS).stat().st_mtime < 60, "cache_valid_time believes the folder's time"


def test_what_a_host_removes_stays_in_the_cache(tmp_path: Path) -> None:
    cache = PackageCache(tmp_path / "cache", "image-1")
    cache.take(used_layer(tmp_path / "old", time.time()))
    new = tmp_path / "new"
    new.mkdir()
    cache.give(new)
    (new / ARCHIVES / "etcd_1_amd64.deb").unlink()
    assert (cache.archives / "etcd_1_amd64.deb").exists()


def test_packages_are_taken_once(tmp_path: Path) -> None:
    cache = PackageCache(tmp_path / "cache", "image-1")
    layer = used_layer(tmp_path / "old", time.time())
    assert [cache.take(layer), cache.take(layer)] == [1, 0]


def test_old_lists_are_not_given(tmp_path: Path) -> None:
    cache = PackageCache(tmp_path / "cache", "image-1")
    cache.take(used_layer(tmp_path / "old", time.time() - LISTS_VALID - 60))
    new = tmp_path / "new"
    new.mkdir()
    cache.give(new)
    assert not (new / LISTS).exists()


def test_older_lists_do_not_replace_newer(tmp_path: Path) -> None:
    cache = PackageCache(tmp_path / "cache", "image-1")
    now = time.time()
    cache.take(used_layer(tmp_path / "first", now))
    cache.take(used_layer(tmp_path / "second", now - 3600))
    assert abs(cache.lists.stat().st_mtime - now) < 1


def test_lists_of_another_image_are_not_given(tmp_path: Path) -> None:
    PackageCache(tmp_path / "cache", "image-1").take(used_layer(tmp_path / "old", time.time()))
    new = tmp_path / "new"
    new.mkdir()
    PackageCache(tmp_path / "cache", "image-2").give(new)
    assert not (new / LISTS).exists()
    assert (new / ARCHIVES / "etcd_1_amd64.deb").exists()


def test_a_host_that_never_updated_gives_no_lists(tmp_path: Path) -> None:
    layer = used_layer(tmp_path / "old", time.time())
    (layer / LISTS / LIST).unlink()
    cache = PackageCache(tmp_path / "cache", "image-1")
    cache.take(layer)
    assert not cache.lists.exists()
