# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.matriarch.pgcluster.plugins.modules import etcd_cluster_info
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd import FakeEtcd

CLOSED = "http://127.0.0.1:1"


@pytest.fixture
def etcd() -> Iterator[FakeEtcd]:
    cluster = FakeEtcd.of("a", "b", "c")
    yield cluster
    cluster.stop_all()


def test_the_cluster_is_shown(etcd: FakeEtcd, run_module: RunModule) -> None:
    answer = run_module(etcd_cluster_info, urls=etcd.urls, check_mode=True)
    assert (answer["changed"], answer["healthy"], answer["problems"]) == (False, True, [])
    assert (answer["etcd"]["leader"], answer["etcd"]["quorum"], answer["etcd"]["alarms"]) == ("a", 2, [])
    assert answer["etcd"]["members"][1] == {
        "name": "b",
        "id": f"{etcd['b'].id:x}",
        "peer_urls": ["https://b:2380"],
        "client_urls": [etcd.urls[1]],
        "is_learner": False,
        "started": True,
        "healthy": True,
        "db_size_bytes": 20480,
        "raft_term": 2,
        "raft_index": 40,
        "version": "3.5.9",
        "error": None,
    }


def test_where_nobody_answers_this_is_the_finding(run_module: RunModule) -> None:
    answer = run_module(etcd_cluster_info, urls=[CLOSED])
    assert not {"failed", "unreachable"} & answer.keys()  # words that Ansible takes for itself
    assert (answer["etcd"], answer["healthy"]) == (None, False)
    assert [silent["url"] for silent in answer["unanswered"]] == [CLOSED]


def test_a_wait_in_vain_names_the_sick(etcd: FakeEtcd, run_module: RunModule) -> None:
    etcd.stop("b")
    etcd.register(["https://d:2380"], is_learner=True)
    answer = run_module(
        etcd_cluster_info, urls=etcd.urls, members=["a", "b", "c", "e"], wait_for="healthy", wait_timeout=0
    )
    assert answer["failed"]
    for words in (" s in vain until etcd is healthy", "b does not answer: ", "e is not a member", "journalctl"):
        assert words in answer["msg"]
    assert [m["healthy"] for m in answer["etcd"]["members"] if m["name"] == "b"] == [False]
    assert len(answer["unexpected"]) == 1
    assert "https://d:2380" in answer["unexpected"][0]


def test_a_wait_meets_the_member_that_comes(
    etcd: FakeEtcd, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = etcd.register(["https://d:2380"])

    def sleep(_seconds: float) -> None:
        if not late.up:
            etcd.start(late, "d")

    monkeypatch.setattr("time.sleep", sleep)
    answer = run_module(etcd_cluster_info, urls=etcd.urls, members=["d"], wait_for="healthy", wait_timeout=30)
    assert answer["healthy"]
    assert [m["name"] for m in answer["etcd"]["members"]] == ["a", "b", "c", "d"]
