# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import signal
import time
from typing import Any, cast

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.member import MemberDuties
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import DeadlineExceeded, RemoteError
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.agents import QUIET


class FakeSql:
    """Each question's answers, the last one for ever; `orders` are what changes something."""

    def __init__(self, **answers: list[Any]) -> None:
        quiet = {name: value for name, value in QUIET.items() if name != "in_recovery"}
        self.answers = {**{name: [value] for name, value in quiet.items()}, "sleeping_startup": [None], **answers}
        self.orders: list[str] = []
        self.older_than = 0.0

    def __getattr__(self, name: str) -> Any:
        def ask(*_values: object) -> Any:
            known = self.answers[name]
            answer = known.pop(0) if len(known) > 1 else known[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return ask

    def transactions(self, older_than: float) -> list[Any]:
        self.older_than = older_than
        return []

    def checkpoint(self) -> None:
        self.orders.append("checkpoint")

    def reload(self) -> None:
        self.orders.append("reload")


def duties_on(path: Any, **answers: list[Any]) -> MemberDuties:
    return MemberDuties(cast(Any, FakeSql(**answers)), path / "handover")


def test_a_look_tells_everything_at_once(tmp_path):
    duties = duties_on(tmp_path, is_in_recovery=[True], base_backups=[2])
    assert duties.look(transactions_older_than=7.5) == {**QUIET, "in_recovery": True, "base_backups": 2}
    assert cast(Any, duties.sql).older_than == 7.5
    assert cast(Any, duties.sql).orders == []


@pytest.mark.parametrize(
    ("duty", "question", "answers", "arguments", "result"),
    [
        ("await_flushed", "flushed", [5, 9, 10], {"position": 10}, 10),
        ("await_flushed", "flushed", [12], {"position": 10}, 12),
        ("await_cut_off", "is_receiving", [True, True, False], {}, None),
        ("await_writable", "is_in_recovery", [True, True, False], {}, None),
        ("await_synchronous_standby", "synchronous_standbys", [0, 1], {}, None),
    ],
)
def test_a_state_is_waited_for(tmp_path, duty, question, answers, arguments, result):
    duties = duties_on(tmp_path, **{question: answers})
    assert duties.all()[duty](patience=20, **arguments) == result


@pytest.mark.parametrize(
    ("duty", "question", "answer", "arguments", "told"),
    [
        ("await_flushed", "flushed", 9, {"position": 10}, "until 10 is flushed; seen last: 9"),
        ("await_writable", "is_in_recovery", True, {}, "until PostgreSQL is writable; seen last: True"),
        ("await_synchronous_standby", "synchronous_standbys", 0, {}, "until a synchronous standby streams; seen last"),
    ],
)
@pytest.mark.parametrize("patience", [0, 0.01])
def test_a_wait_in_vain_says_for_what(tmp_path, duty, question, answer, arguments, told, patience):
    duties = duties_on(tmp_path, **{question: [answer]})
    with pytest.raises(DeadlineExceeded) as caught:
        duties.all()[duty](patience=patience, **arguments)
    assert f"waited {patience:g} s in vain {told}" in str(caught.value)


def test_a_startup_process_that_sleeps_through_its_promotion_is_woken(tmp_path, monkeypatch):
    woken = []
    monkeypatch.setattr(os, "kill", lambda *call: woken.append(call))
    duties = duties_on(tmp_path, is_in_recovery=[True, True, True, False], sleeping_startup=[None, 4711, None])
    duties.await_writable(patience=20)
    assert woken == [(4711, signal.SIGHUP)]


def test_a_startup_process_that_is_gone_has_done_its_work(tmp_path, monkeypatch):
    def gone(*_call):
        raise ProcessLookupError

    monkeypatch.setattr(os, "kill", gone)
    duties_on(tmp_path, is_in_recovery=[True, False], sleeping_startup=[4711]).await_writable(patience=20)


def test_a_restart_is_over_when_another_postgresql_takes_writes(tmp_path):
    gone = RemoteError("asking PostgreSQL: the database system is shutting down")
    duties = duties_on(tmp_path, started=["9:00", gone, gone, "9:01"], is_in_recovery=[True, False])
    since = duties.started()
    duties.await_restarted(since=since, patience=20)
    answers = cast(Any, duties.sql).answers
    assert (answers["started"], answers["is_in_recovery"]) == (["9:01"], [False])


@pytest.mark.parametrize("seen", [{"started": ["9:00"]}, {"started": [RemoteError("refused")]},
                                  {"started": ["9:01"], "is_in_recovery": [True]}])  # fmt: skip
def test_a_restart_that_is_not_over_is_waited_for_in_vain(tmp_path, seen):
    duties = duties_on(tmp_path, **{"is_in_recovery": [False], **seen})
    with pytest.raises(DeadlineExceeded, match=r"waited 0\.01 s in vain until PostgreSQL is up again"):
        duties.await_restarted(since="9:00", patience=0.01)


def test_postgresql_that_does_not_answer_is_no_wait(tmp_path):
    duties = duties_on(tmp_path, is_in_recovery=[RemoteError("asking PostgreSQL: gone")])
    with pytest.raises(RemoteError, match="gone"):
        duties.await_writable(patience=20)


def test_a_checkpoint_is_ordered(tmp_path):
    duties = duties_on(tmp_path)
    duties.checkpoint()
    assert cast(Any, duties.sql).orders == ["checkpoint"]


def test_a_standby_is_pointed_at_another_host_once(tmp_path):
    configuration = tmp_path / "postgresql.conf"
    configuration.write_text("port = '5432'\nprimary_conninfo = 'user=replicator host=10.0.0.1 port=5432'\n")
    duties = duties_on(tmp_path, configuration_file=[str(configuration)])
    assert [duties.follow(host="10.0.0.2", port=5433) for _time in range(2)] == [True, False]
    assert "host=10.0.0.2 port=5433" in configuration.read_text()
    assert cast(Any, duties.sql).orders == ["reload"]


def test_a_member_that_follows_nobody_says_so_and_is_not_reloaded(tmp_path):
    (tmp_path / "postgresql.conf").write_text("port = '5432'\n")
    duties = duties_on(tmp_path, configuration_file=[str(tmp_path / "postgresql.conf")])
    with pytest.raises(ValueError, match="this member follows nobody"):
        duties.follow(host="10.0.0.2", port=5433)
    assert cast(Any, duties.sql).orders == []


def test_the_mark_says_in_seconds_since_boot_until_when(tmp_path):
    duties = duties_on(tmp_path)
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    duties.mark(lasting=30)
    after = time.clock_gettime(time.CLOCK_BOOTTIME)
    text = duties.handover_mark.read_text()
    assert text == f"{int(text)}\n"
    assert before + 29.5 <= int(text) <= after + 30.5
    found, folder = duties.handover_mark.stat(), tmp_path.stat()
    assert (found.st_uid, found.st_gid) == (folder.st_uid, folder.st_gid)
    assert [path.name for path in tmp_path.iterdir()] == ["handover"]


def test_a_mark_is_renewed_and_taken_back_and_taken_back_again(tmp_path):
    duties = duties_on(tmp_path)
    duties.mark(lasting=1)
    duties.mark(lasting=1000)
    assert int(duties.handover_mark.read_text()) > time.clock_gettime(time.CLOCK_BOOTTIME) + 500
    for _time in range(2):
        duties.unmark()
        assert not duties.handover_mark.exists()


def test_a_mark_where_patroni_does_not_run_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        duties_on(tmp_path / "missing").mark(lasting=1)


def test_every_duty_goes_by_its_name(tmp_path):
    waits = {"await_flushed", "await_cut_off", "await_writable", "await_synchronous_standby", "await_restarted"}
    duties = duties_on(tmp_path).all()
    assert set(duties) == {"look", "checkpoint", "flushed", "follow", "mark", "unmark", "started", *waits}
    assert all(duty.__name__ == name for name, duty in duties.items())
