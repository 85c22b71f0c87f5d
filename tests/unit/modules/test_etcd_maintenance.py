# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd import EtcdClient
from ansible_collections.matriarch.pgcluster.plugins.modules import etcd_maintenance
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd import FakeEtcd

MEGABYTE = 1024 * 1024


@pytest.fixture(params=["3.4", "3.5", "3.6"])
def etcd(request: pytest.FixtureRequest) -> Iterator[FakeEtcd]:
    cluster = FakeEtcd.of("a", "b", "c", version=request.param)
    for member in cluster.members:
        member.db_size, member.db_used = 30 * MEGABYTE, 20 * MEGABYTE
    cluster.needed = 5 * MEGABYTE
    yield cluster
    cluster.stop_all()


@pytest.fixture(autouse=True)
def no_naps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


def changes(etcd: FakeEtcd) -> list[str]:
    return [name for name, _body in etcd.changes]


def full(etcd: FakeEtcd, *names: str, kind: str = "NOSPACE") -> None:
    etcd.alarms = [{"memberID": str(etcd[name].id), "alarm": kind} for name in names]


class TestDefragment:
    def test_one_after_the_other_the_leader_last_and_only_once(self, etcd: FakeEtcd, run_module: RunModule) -> None:
        wish = {"urls": etcd.urls, "action": "defragment"}
        predicted = run_module(etcd_maintenance, check_mode=True, **wish)
        assert etcd.changes == []
        done, again = run_module(etcd_maintenance, **wish), run_module(etcd_maintenance, **wish)
        assert [a["changed"] for a in (predicted, done, again)] == [True, True, False]
        assert changes(etcd) == ["defragment b", "defragment c", "defragment a"]
        assert predicted["steps"] == done["steps"]
        assert predicted["diff"] == done["diff"]
        assert done["diff"]["after"] == {"size_bytes": dict.fromkeys("abc", 20 * MEGABYTE)}
        assert (done["freed_bytes"], again["freed_bytes"]) == (30 * MEGABYTE, 0)

    def test_the_named_one_alone(self, etcd: FakeEtcd, run_module: RunModule) -> None:
        answer = run_module(etcd_maintenance, urls=etcd.urls[1:], action="defragment", member="a")
        assert answer["changed"]
        assert changes(etcd) == ["defragment a"]

    def test_what_gains_too_little_is_left_alone(self, etcd: FakeEtcd, run_module: RunModule) -> None:
        etcd["b"].db_size = 20 * MEGABYTE + 5
        run_module(etcd_maintenance, urls=etcd.urls, action="defragment")
        assert changes(etcd) == ["defragment c", "defragment a"]
        run_module(etcd_maintenance, urls=etcd.urls, action="defragment", least_gain=5)
        assert changes(etcd) == ["defragment c", "defragment a", "defragment b"]

    def test_a_full_database_is_a_reason_and_no_obstacle(self, etcd: FakeEtcd, run_module: RunModule) -> None:
        full(etcd, "b")
        assert run_module(etcd_maintenance, urls=etcd.urls, action="defragment")["changed"]

    @pytest.mark.parametrize("check_mode", [True, False])
    def test_a_silent_or_corrupt_member_forbids_it(
        self, etcd: FakeEtcd, run_module: RunModule, check_mode: bool
    ) -> None:
        full(etcd, "b", kind="CORRUPT")
        corrupt = run_module(etcd_maintenance, urls=etcd.urls, action="defragment", check_mode=check_mode)
        assert "b has raised the alarm CORRUPT" in corrupt["msg"]
        full(etcd)
        etcd.stop("c")
        silent = run_module(etcd_maintenance, urls=etcd.urls, action="defragment", member="b", check_mode=check_mode)
        assert "etcd is not whole" in silent["msg"]
        assert "c does not answer" in silent["msg"]
        assert etcd.changes == []

    def test_a_member_that_falls_silent_meanwhile_ends_it(
        self, etcd: FakeEtcd, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(etcd_maintenance, "SETTLING", 0)
        defragment = etcd._defragment

        def and_die(member: Any) -> Any:
            reply = defragment(member)
            etcd["c"].cluster_id = 1
            return reply

        monkeypatch.setattr(etcd, "_defragment", and_die)
        answer = run_module(etcd_maintenance, urls=etcd.urls, action="defragment")
        assert answer["failed"]
        assert answer["done"] == ["b"]
        assert "it belongs to another cluster" in answer["msg"]
        assert changes(etcd) == ["defragment b"]


class TestCompactAndDisarm:
    def test_a_full_etcd_is_brought_back(self, etcd: FakeEtcd, run_module: RunModule) -> None:
        full(etcd, "a", "b")
        quota = {"quota": 10 * MEGABYTE}
        early = run_module(etcd_maintenance, urls=etcd.urls, action="disarm", **quota)
        assert "compact and defragment" in early["msg"]
        compacted, again = (run_module(etcd_maintenance, urls=etcd.urls, action="compact") for _run in range(2))
        assert [a["changed"] for a in (compacted, again)] == [True, False]
        early = run_module(etcd_maintenance, urls=etcd.urls, action="disarm", **quota)
        assert f"but only {5 * MEGABYTE} are used. Next: defragment" in early["msg"]
        run_module(etcd_maintenance, urls=etcd.urls, action="defragment")
        predicted = run_module(etcd_maintenance, urls=etcd.urls, action="disarm", check_mode=True, **quota)
        assert len(etcd.alarms) == 2
        done, again = (run_module(etcd_maintenance, urls=etcd.urls, action="disarm", **quota) for _run in range(2))
        assert [a["changed"] for a in (predicted, done, again)] == [True, True, False]
        assert (
            predicted["diff"]
            == done["diff"]
            == {
                "before": {"alarms": ["NOSPACE", "NOSPACE"]},
                "after": {"alarms": []},
            }
        )
        assert [step["member"] for step in done["steps"]] == ["a", "b"]
        assert etcd.alarms == []

    def test_a_compaction_goes_to_the_asked_revision_and_not_beyond_the_present(
        self, etcd: FakeEtcd, run_module: RunModule
    ) -> None:
        assert run_module(etcd_maintenance, urls=etcd.urls, action="compact", revision=40, check_mode=True)["changed"]
        assert etcd.compacted == 0
        run_module(etcd_maintenance, urls=etcd.urls, action="compact", revision=40)
        assert etcd.compacted == 40
        answer = run_module(etcd_maintenance, urls=etcd.urls, action="compact", revision=101)
        assert "revision 101 has not been written yet" in answer["msg"]

    def test_a_member_that_does_not_tell_its_size_forbids_to_disarm(
        self, etcd: FakeEtcd, run_module: RunModule
    ) -> None:
        full(etcd, "a")
        etcd.stop("c")
        answer = run_module(etcd_maintenance, urls=etcd.urls, action="disarm")
        assert "c does not tell how full it is" in answer["msg"]

    def test_corruption_is_not_disarmed_until_the_member_is_replaced(
        self, etcd: FakeEtcd, run_module: RunModule
    ) -> None:
        full(etcd, "c", kind="CORRUPT")
        assert "its data differ" in run_module(etcd_maintenance, urls=etcd.urls, action="disarm")["msg"]
        etcd.stop("c")
        etcd.members.remove(etcd["c"])
        answer = run_module(etcd_maintenance, urls=etcd.urls, action="disarm")
        assert [step["member"] for step in answer["steps"]] == [None]
        assert etcd.alarms == []

    def test_an_alarm_that_comes_back_is_told(
        self, etcd: FakeEtcd, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        full(etcd, "a")
        monkeypatch.setattr(EtcdClient, "disarm", lambda _client, _alarm: None)
        assert "raised again" in run_module(etcd_maintenance, urls=etcd.urls, action="disarm")["msg"]


class TestMoveLeader:
    def test_to_the_named_one_and_only_once(self, etcd: FakeEtcd, run_module: RunModule) -> None:
        wish = {"urls": etcd.urls[1:], "action": "move_leader", "member": "c"}
        predicted = run_module(etcd_maintenance, check_mode=True, **wish)
        done, again = run_module(etcd_maintenance, **wish), run_module(etcd_maintenance, **wish)
        assert [a["changed"] for a in (predicted, done, again)] == [True, True, False]
        assert [a["leader"] for a in (predicted, done, again)] == ["c", "c", "c"]
        assert changes(etcd) == ["transfer-leadership a"]

    def test_to_the_one_whose_log_reaches_furthest(self, etcd: FakeEtcd, run_module: RunModule) -> None:
        etcd["b"].raft_index = 41
        assert run_module(etcd_maintenance, urls=etcd.urls, action="move_leader")["leader"] == "b"

    @pytest.mark.parametrize(
        ("stopped", "member", "reason"),
        [
            ("c", "c", "c cannot lead etcd: "),
            ("c", "{{ x }}\n", "0 members of etcd are called {{ x }}"),
            ("bc", "b", "nobody leads etcd"),
            ("bc", "", "nobody leads etcd"),
        ],
    )
    def test_it_is_refused_where_it_cannot_be(
        self, etcd: FakeEtcd, run_module: RunModule, stopped: str, member: str, reason: str
    ) -> None:
        etcd.stop(*stopped)
        answer = run_module(etcd_maintenance, urls=etcd.urls, action="move_leader", member=member)
        assert answer["failed"]
        assert reason in answer["msg"]
        assert etcd.changes == []

    def test_that_nobody_follows_is_told(
        self, etcd: FakeEtcd, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(etcd_maintenance, "SETTLING", 0)
        monkeypatch.setattr(EtcdClient, "move_leader", lambda _client, _member: None)
        answer = run_module(etcd_maintenance, urls=etcd.urls, action="move_leader", member="b")
        assert "took the request to make b its leader" in answer["msg"]
        assert answer["leader"] == "a"


class TestSnapshot:
    def test_a_followers_database_is_written_for_its_owner_only(
        self, etcd: FakeEtcd, run_module: RunModule, tmp_path: Path
    ) -> None:
        path = tmp_path / "x'{{ y }}.db"
        wish = {"urls": etcd.urls, "action": "snapshot", "path": str(path)}
        predicted = run_module(etcd_maintenance, check_mode=True, **wish)
        assert (predicted["changed"], predicted["snapshot"], list(tmp_path.iterdir())) == (True, None, [])
        done = run_module(etcd_maintenance, **wish)
        digest = hashlib.sha256(etcd.snapshot)
        assert path.read_bytes() == etcd.snapshot + digest.digest()
        assert path.stat().st_mode & 0o777 == 0o600
        told = {"path": str(path), "member": "b", "size_bytes": len(etcd.snapshot) + 32, "sha256": digest.hexdigest()}
        assert done["snapshot"] == told
        assert list(tmp_path.iterdir()) == [path]
        assert predicted["diff"] == done["diff"] == {"before": {"path": None}, "after": {"path": str(path)}}

    def test_the_named_one_is_saved_if_it_is_well(self, etcd: FakeEtcd, run_module: RunModule, tmp_path: Path) -> None:
        wish = {"urls": etcd.urls, "action": "snapshot", "path": str(tmp_path / "x")}
        assert run_module(etcd_maintenance, member="a", **wish)["snapshot"]["member"] == "a"
        etcd.stop("c")
        assert "c is no healthy voter: c does not answer" in run_module(etcd_maintenance, member="c", **wish)["msg"]
        assert run_module(etcd_maintenance, **wish)["snapshot"]["member"] == "b"
        full(etcd, "b", kind="CORRUPT")
        assert "no member can be saved" in run_module(etcd_maintenance, **wish)["msg"]

    def test_what_is_no_snapshot_replaces_nothing(self, etcd: FakeEtcd, run_module: RunModule, tmp_path: Path) -> None:
        path = tmp_path / "x.db"
        path.write_text("the former one")
        etcd.snapshot = b""
        answer = run_module(etcd_maintenance, urls=etcd.urls, action="snapshot", path=str(path))
        assert "are no database with its SHA-256" in answer["msg"]
        assert [(p, p.read_text()) for p in tmp_path.iterdir()] == [(path, "the former one")]

    def test_a_directory_that_does_not_exist_is_told(
        self, etcd: FakeEtcd, run_module: RunModule, tmp_path: Path
    ) -> None:
        answer = run_module(etcd_maintenance, urls=etcd.urls, action="snapshot", path=str(tmp_path / "no/x.db"))
        assert "is no directory" in answer["msg"]

    def test_a_file_that_cannot_be_written_is_told(self, etcd: FakeEtcd, run_module: RunModule, tmp_path: Path) -> None:
        (tmp_path / "x.db").mkdir()
        answer = run_module(etcd_maintenance, urls=etcd.urls, action="snapshot", path=str(tmp_path / "x.db"))
        assert f"{tmp_path / 'x.db'} could not be written" in answer["msg"]

    def test_it_needs_a_path(self, etcd: FakeEtcd, run_module: RunModule) -> None:
        assert "path" in run_module(etcd_maintenance, urls=etcd.urls, action="snapshot")["msg"]
