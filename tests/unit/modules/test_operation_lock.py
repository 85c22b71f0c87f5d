# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.modules import operation_lock
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd_keys import FakeKeys

LOCK = "/matriarch/main/lock"
JOURNAL = "/matriarch/main/journal/"
CLOSED = "http://127.0.0.1:1"


def run_of(pid: int, host: str = "ctl1", who: str = "alice") -> dict[str, Any]:
    return {"who": who, "host": host, "pid": pid, "started": pid * 10, "boot_id": "b", "namespace": "pid:[1]"}


ALICE, BOB = run_of(11), run_of(22, "ctl2", "bob")


@pytest.fixture
def etcd() -> Iterator[FakeKeys]:
    keys = FakeKeys(members=2)
    yield keys
    keys.stop()


Lock = Callable[..., dict[str, Any]]


@pytest.fixture
def lock(etcd: FakeKeys, run_module: RunModule) -> Lock:
    def ask(**options: Any) -> Any:
        wish = {"urls": etcd.urls, "cluster": "main", "operation": "switchover", "holder": ALICE, **options}
        return run_module(operation_lock, **wish)

    return ask


def released(lock: Lock, outcome: str = "succeeded", **options: Any) -> dict[str, Any]:
    return lock(state="released", outcome=outcome, **options)


def entries(etcd: FakeKeys) -> list[dict[str, Any]]:
    return [json.loads(found.value) for key, found in sorted(etcd.keys.items()) if key.startswith(JOURNAL.encode())]


def outcomes(etcd: FakeKeys) -> list[tuple[str, str]]:
    return [(entry["operation"], entry["outcome"]) for entry in entries(etcd)]


def test_predicted_taken_renewed_released_and_released_again(etcd: FakeKeys, lock: Lock) -> None:
    predicted = lock(check_mode=True)
    assert (etcd.keys, etcd.writes) == ({}, [])
    taken = lock(journal={"candidate": "pg2"})
    etcd.pass_time(100)
    renewed = lock()
    etcd.pass_time(100)
    assert LOCK in etcd
    would_end = released(lock, check_mode=True)
    ended, again = released(lock), released(lock)
    assert [a["changed"] for a in (predicted, taken, renewed, would_end, ended, again)] == [
        True, True, False, True, True, False,
    ]  # fmt: skip
    assert [a["available"] for a in (predicted, taken, renewed)] == [True, True, True]
    assert [a["renewed"] for a in (predicted, taken, renewed)] == [False, False, True]
    assert (taken["lock"]["holder"], taken["lock"]["lease_seconds_left"]) == (ALICE, 120)
    assert renewed["entry"]["notes"] == {"candidate": "pg2"}
    assert renewed["lock"]["begun_at"] == taken["lock"]["begun_at"] == renewed["entry"]["begun_at"]
    assert (ended["was_held"], again["was_held"]) == (True, False)
    assert (LOCK in etcd, etcd.leases) == (False, {})
    assert outcomes(etcd) == [("switchover", "succeeded")]
    assert entries(etcd)[0]["finished_at"] >= entries(etcd)[0]["begun_at"]
    assert taken["diff"]["before"] == {"lock": None, "journal": []}
    assert ended["diff"]["after"]["lock"] is None


def test_a_second_run_is_told_who_what_since_when_and_for_how_long(etcd: FakeKeys, lock: Lock) -> None:
    since = lock()["lock"]["begun_at"]
    etcd.pass_time(33)
    writes = len(etcd.writes)
    refused = lock(operation="rolling_restart", holder=BOB)
    assert refused["failed"]
    for told in ("main", "switchover by alice on ctl1 (process 11)", since, "wait 87 s", "-e operation_force=true"):
        assert told in refused["msg"]
    assert refused["held_by"]["holder"] == ALICE
    would = lock(operation="rolling_restart", holder=BOB, check_mode=True)
    assert (would["available"], would["changed"], would["reason"]) == (False, False, refused["msg"])
    assert would["held_by"]["lease_seconds_left"] == 87
    assert len(etcd.writes) == writes
    assert not released(lock, operation="rolling_restart", holder=BOB, outcome="refused")["changed"]
    assert LOCK in etcd


def test_a_dead_runs_lock_ends_and_the_same_operation_goes_on_under_its_entry(etcd: FakeKeys, lock: Lock) -> None:
    begun = lock(journal={"step": 3, "paused": ["px1"]})["entry"]["begun_at"]
    etcd.pass_time(120)
    assert LOCK not in etcd
    resumed = lock(holder=BOB, journal={"step": 4})
    assert resumed["continues"]
    assert resumed["interrupted"]["notes"] == {"step": 3, "paused": ["px1"]}
    assert resumed["interrupted"]["holder"] == ALICE
    assert resumed["entry"]["begun_at"] == resumed["lock"]["begun_at"] == begun
    assert resumed["entry"]["notes"] == {"step": 4, "paused": ["px1"]}
    late = released(lock, outcome="failed")
    assert (late["changed"], late["was_held"]) == (False, False)
    assert released(lock, holder=BOB)["changed"]
    assert outcomes(etcd) == [("switchover", "succeeded")]


def test_another_operation_learns_of_the_interrupted_one_and_closes_it_by_its_success(
    etcd: FakeKeys, lock: Lock
) -> None:
    lock()
    etcd.pass_time(120)
    assert lock(operation=None, holder=None, state="shown")["interrupted"]["operation"] == "switchover"
    for outcome, left in (("failed", ""), ("succeeded", "interrupted")):
        begun = lock(operation="rolling_restart", holder=BOB)
        assert (begun["interrupted"]["operation"], begun["continues"]) == ("switchover", False)
        assert lock(operation=None, holder=None, state="shown")["interrupted"]["operation"] == "switchover"
        released(lock, operation="rolling_restart", holder=BOB, outcome=outcome)
        assert outcomes(etcd)[0] == ("switchover", left)
    assert lock(operation=None, holder=None, state="shown")["interrupted"] is None


def test_a_run_that_lost_its_lock_still_closes_its_entry(etcd: FakeKeys, lock: Lock) -> None:
    lock()
    etcd.pass_time(120)
    late = released(lock, outcome="failed", journal={"reason": "slow"})
    assert (late["changed"], late["was_held"]) == (True, False)
    assert outcomes(etcd) == [("switchover", "failed")]
    assert entries(etcd)[0]["notes"] == {"reason": "slow"}


def test_an_operation_within_another_shares_its_lock(etcd: FakeKeys, lock: Lock) -> None:
    lock(operation="rolling_restart")
    inner = lock(journal={"leader": "pg2"})
    assert (inner["nested"], inner["renewed"], inner["entry"]["operation"]) == (True, True, "rolling_restart")
    ended = released(lock)
    assert (ended["changed"], LOCK in etcd) == (False, True)
    assert released(lock, operation="rolling_restart")["was_held"]
    assert outcomes(etcd) == [("rolling_restart", "succeeded")]
    assert entries(etcd)[0]["notes"] == {"leader": "pg2"}


@pytest.mark.parametrize("how", ["force", "takeover"])
def test_the_lock_of_a_dead_run_is_taken_over(etcd: FakeKeys, lock: Lock, how: str) -> None:
    lock()
    revision = lock(holder=BOB)["held_by"]["revision"]
    options = {"force": True} if how == "force" else {"takeover_revision": revision}
    taken = lock(holder=BOB, **options)
    assert taken["taken_over_from"] == ALICE
    assert (taken["continues"], taken["interrupted"]["operation"]) == (True, "switchover")
    assert json.loads(etcd[LOCK])["holder"] == BOB
    assert not released(lock)["changed"]
    assert LOCK in etcd


def test_a_takeover_is_of_the_lock_that_was_seen_and_no_other(etcd: FakeKeys, lock: Lock) -> None:
    revision = lock()["lock"]["revision"]
    released(lock)
    lock(holder=run_of(33))
    refused = lock(holder=BOB, takeover_revision=revision)
    assert refused["held_by"]["holder"] == run_of(33)


def test_the_loser_of_a_race_is_told_of_the_winner_and_leaves_no_lease(etcd: FakeKeys, lock: Lock) -> None:
    def win(path: str) -> None:
        if path == "/v3/kv/txn":
            etcd.before = lambda _path: None
            told = {"operation": "restore", "holder": BOB, "begun_at": "2026", "entry": "x", "ttl": 60}
            etcd.write(LOCK, json.dumps(told).encode())

    etcd.before = win
    refused = lock()
    assert "restore by bob on ctl2" in refused["msg"]
    assert etcd.leases == {}
    assert entries(etcd) == []


def test_a_lock_whose_answer_was_lost_is_had_and_is_taken_once(etcd: FakeKeys, lock: Lock) -> None:
    """The first member does what it is asked, and dies before it answers; the second one is asked again."""
    first, _second = etcd.servers
    answer = etcd._transact

    def answer_lost(body: dict[str, Any]) -> Any:
        reply = answer(body)
        if len(first.asked("POST")) and not lost:
            lost.append(True)
            raise ConnectionAbortedError
        return reply

    lost: list[bool] = []
    etcd._transact = answer_lost  # type: ignore[method-assign]
    taken = lock()
    assert lost
    assert (taken["available"], taken["lock"]["holder"]) == (True, ALICE)
    assert len(etcd.leases) == 1
    assert len(entries(etcd)) == 1


def test_a_lease_that_ends_while_it_is_renewed_is_taken_anew(etcd: FakeKeys, lock: Lock) -> None:
    lock()

    def end(path: str) -> None:
        if path == "/v3/lease/keepalive":
            etcd.before = lambda _path: None
            etcd.pass_time(500)

    etcd.before = end
    again = lock()
    assert (again["changed"], again["renewed"], again["continues"]) == (True, False, True)
    assert len(entries(etcd)) == 1


def test_another_ttl_is_granted_anew(etcd: FakeKeys, lock: Lock) -> None:
    lock()
    longer = lock(ttl=600)
    assert (longer["changed"], longer["lock"]["lease_seconds_left"]) == (True, 600)
    assert lock(ttl=600)["changed"] is False
    assert len(entries(etcd)) == 1


def test_the_journal_keeps_the_newest(etcd: FakeKeys, lock: Lock) -> None:
    for number in range(5):
        lock(keep=3, journal={"number": number})
        released(lock, keep=3)
    assert [entry["notes"]["number"] for entry in entries(etcd)] == [2, 3, 4]
    told = lock(operation=None, holder=None, state="shown", keep=2)
    assert [entry["notes"]["number"] for entry in told["journal"]] == [4, 3]
    assert (told["changed"], told["lock"], told["problems"]) == (False, None, [])


def test_clusters_do_not_see_each_other(etcd: FakeKeys, run_module: RunModule) -> None:
    names = ["main", "main/journal", "../main", "{{ x }}\n'\"", "é", "main\0"]
    for name in names:
        answer = run_module(operation_lock, urls=etcd.urls, cluster=name, operation=name, holder=ALICE)
        assert (answer["changed"], answer["interrupted"]) == (True, None)
    assert sum(key.endswith(b"/lock") for key in etcd.keys) == len(names)


GARBAGE = [
    b"",
    b"\xff\x00",
    b"{{ lookup('pipe', 'id') }}",
    b"[]",
    b"{}",
    b'{"operation": 5}',
    b"[" * 100000,
    json.dumps({"operation": "x", "holder": [], "begun_at": "", "entry": "", "ttl": 1}).encode(),
    json.dumps({"operation": "x", "holder": {**ALICE, "pid": True}, "begun_at": "", "entry": "", "ttl": 1}).encode(),
]


@pytest.mark.parametrize("content", GARBAGE)
def test_garbage_in_the_lock_is_told_and_can_be_taken_over(etcd: FakeKeys, lock: Lock, content: bytes) -> None:
    etcd.write(LOCK, content)
    refused = lock()
    assert f"{LOCK} holds no lock: " in refused["msg"]
    assert "never ends by itself" in refused["msg"]
    told = lock(operation=None, holder=None, state="shown")
    assert told["problems"]
    assert (told["lock"]["holder"], told["interrupted"]) == (None, None)
    assert not released(lock, outcome="failed")["changed"]
    taken = lock(force=True)
    assert (taken["available"], taken["taken_over_from"]) == (True, None)


@pytest.mark.parametrize("content", GARBAGE)
def test_garbage_in_the_journal_is_told_and_hinders_nobody(etcd: FakeKeys, lock: Lock, content: bytes) -> None:
    etcd.write(f"{JOURNAL}9\n{{{{ x }}}}", content)
    assert "holds no journal entry" in lock()["problems"][0]
    assert released(lock)["changed"]
    assert json.loads(etcd.keys[min(etcd.keys)].value)["outcome"] == "succeeded"


def test_hostile_notes_are_only_text(etcd: FakeKeys, lock: Lock) -> None:
    notes = {"{{ x }}": "'\"; $(reboot)\n\0é", "steps": [{"n": 1}]}
    lock(operation="o{{ x }}\n", journal=notes)
    assert released(lock, operation="o{{ x }}\n")["was_held"]
    assert entries(etcd)[0]["notes"] == notes


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"ttl": 9}, "at least 10 seconds"),
        ({"keep": 0}, "'keep' is 0"),
        ({"cluster": ""}, "'cluster' is empty"),
        ({"journal": {"x": "y" * 300000}}, "note less"),
        ({"state": "released"}, "outcome"),
        ({"holder": None}, "holder"),
        ({"operation": None}, "operation"),
    ],
)
def test_what_cannot_be_meant_is_refused(etcd: FakeKeys, lock: Lock, options: dict[str, Any], reason: str) -> None:
    answer = lock(**options)
    assert answer["failed"]
    assert reason in answer["msg"]
    assert etcd.calls == []


def test_one_dead_member_does_not_matter_and_without_any_it_says_so(etcd: FakeKeys, run_module: RunModule) -> None:
    wish = {"cluster": "main", "operation": "switchover", "holder": ALICE}
    assert run_module(operation_lock, urls=[CLOSED, *etcd.urls], **wish)["available"]
    answer = run_module(operation_lock, urls=[CLOSED], **wish)
    assert answer["failed"]
    assert "none of 1 servers answered" in answer["msg"]
    assert "bring a majority of its members back" in answer["msg"]


def test_a_full_etcd_says_so(etcd: FakeKeys, lock: Lock) -> None:
    etcd.refusals["/v3/lease/grant"] = (8, 429, "etcdserver: mvcc: database space exceeded")
    assert "database space exceeded" in lock()["msg"]
