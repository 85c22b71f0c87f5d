# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd import EtcdClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.reading import read_etcd
from ansible_collections.matriarch.pgcluster.plugins.module_utils.reading_agreement import read_agreement
from ansible_collections.matriarch.pgcluster.plugins.module_utils.reading_status import read_store
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd import FakeEtcd


@pytest.fixture
def fake() -> Iterator[FakeEtcd]:
    cluster = FakeEtcd.of("a", "b", "c")
    yield cluster
    cluster.stop_all()


def clients(fake: FakeEtcd) -> list[EtcdClient]:
    return [EtcdClient(JsonHttp(url)) for url in fake.urls]


def test_members_are_compared_where_the_last_of_them_is(fake: FakeEtcd) -> None:
    fake["b"].revision = 98
    agreement = read_agreement(read_etcd(clients(fake)))
    assert agreement is not None
    assert (agreement.revision, sorted(agreement.hashes), agreement.contradiction) == (98, ["a", "b", "c"], "")
    fake["b"].keys_hash = 7
    assert read_store(clients(fake)).contradiction == "different keys at revision 98 have a, c and b"


def test_a_member_that_is_away_is_not_compared(fake: FakeEtcd) -> None:
    fake.stop("c")
    agreement = read_agreement(read_etcd(clients(fake)))
    assert agreement is not None
    assert sorted(agreement.hashes) == ["a", "b"]


def test_an_etcd_that_cannot_tell() -> None:
    old = FakeEtcd.of("a", "b", "c", version="3.4")
    try:
        assert read_agreement(read_etcd(clients(old))) is None
        assert read_store(clients(old)).contradiction == ""
    finally:
        old.stop_all()


def test_one_that_has_forgotten_is_an_error_and_no_contradiction(fake: FakeEtcd) -> None:
    fake["a"].forgets = True
    with pytest.raises(RemoteError, match="required revision has been compacted"):
        read_agreement(read_etcd(clients(fake)))
    assert read_store(clients(fake)).contradiction == ""
