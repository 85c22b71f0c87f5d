# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cluster knows of its backups is told to its members, and what they know to it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.proofs import Proofs
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, NobodyAnswered
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import DRILL, VERIFICATION, Proof, Trial
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd_keys import FakeKey, FakeKeys

KEY = b"/matriarch/shop/proof"
FIRST = Trial(DRILL, "2026-11-01T03:00:00Z", "db2")
SECOND = Trial(VERIFICATION, "2026-11-02T03:00:00Z", "db3", problems=("gap",))


@pytest.fixture
def etcd():
    keys = FakeKeys(2)
    yield keys
    keys.stop()


@pytest.fixture
def of(etcd, tmp_path):
    return lambda member: Proofs([EtcdKeys(JsonHttp(url)) for url in etcd.urls], "shop", str(tmp_path / member))


def test_what_one_member_has_seen_all_come_to_know(of):
    of("db2").add(FIRST)
    assert of("db3").known_here() == Proof()
    assert of("db3").agreed() == of("db3").known_here() == Proof().knowing(FIRST)


def test_only_told_it_leaves_nothing(of, etcd):
    of("db2").add(FIRST)
    assert of("db3").told() == Proof().knowing(FIRST)
    assert of("db3").known_here() == Proof()


def test_a_new_etcd_is_told_by_the_first_that_looks(of, etcd):
    of("db2").add(FIRST)
    etcd.keys.clear()
    assert of("db2").agreed().drill == FIRST
    assert of("db3").agreed().drill == FIRST


def test_two_at_once_lose_nothing(of, etcd):
    other = of("db3")

    def between(path: str) -> None:
        if path.endswith("/txn"):
            etcd.before = lambda _path: None
            other.add(SECOND)

    etcd.before = between
    both = of("db2").add(FIRST)
    assert (both.drill, both.verification) == (FIRST, SECOND)
    assert Proof.from_text(etcd.keys[KEY].value) == both


def test_without_etcd_the_file_has_it(of, etcd, tmp_path):
    etcd.stop()
    with pytest.raises(NobodyAnswered):
        of("db2").add(FIRST)
    assert of("db2").known_here().drill == FIRST
    assert stat.S_IMODE((tmp_path / "db2").stat().st_mode) == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["db2"]


def test_when_nothing_is_new_nothing_is_written(of, etcd):
    of("db2").add(FIRST)
    before = etcd.keys[KEY].modified
    of("db2").agreed()
    assert etcd.keys[KEY].modified == before


def test_what_is_garbled_is_replaced(of, etcd):
    etcd.keys[KEY] = FakeKey(b"{", 1, 1)
    of("db2").add(FIRST)
    assert Proof.from_text(etcd.keys[KEY].value).drill == FIRST


def test_a_folder_that_is_not_there(etcd):
    proofs = Proofs([EtcdKeys(JsonHttp(etcd.urls[0]))], "shop", "/nowhere/proof.json")
    with pytest.raises(MatriarchError, match=r"/nowhere/proof\.json could not be written"):
        proofs.add(FIRST)
    assert Path("/nowhere").exists() is False
