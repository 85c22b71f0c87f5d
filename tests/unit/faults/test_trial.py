# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fault counts only when it was seen to act, and is undone in any case."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from faults import trial, undo
from faults.arena import NotSo
from faults.clients import Writer
from faults.load import POOLED
from lab import LabError

fake: Any = SimpleNamespace
COURSE = ["prepare", "inject", "acts", "holds", "heal", "restore"]


class FakeFault:
    """Notes what is asked of it; fails where it is told to."""

    seconds = 0.0
    until_moved = False
    arena = fake(connect=None, cluster=None)

    def __init__(self, fails="", never=""):
        self.calls, self.fails, self.never = [], fails, never

    def __getattr__(self, name: str) -> Any:
        if name not in COURSE:
            raise AttributeError(name)
        return lambda: self.called(name)

    def called(self, name):
        self.calls.append(name)
        if name == self.fails:
            raise ZeroDivisionError
        return name != self.never


@pytest.fixture(autouse=True)
def no_time(monkeypatch):
    for name in ("CALM_SECONDS", "ACTING_SECONDS"):
        monkeypatch.setattr(trial, name, 0.0)
    monkeypatch.setattr(trial, "standing", lambda _connect, _cluster: (fake(name="db1"), 3))
    monkeypatch.setattr(trial, "stays_whole", lambda _arena, _deadline: 7.0)


LOAD = fake(wait_for_everybody=lambda: None)


def test_a_fault_comes_and_goes():
    fault: Any = FakeFault()
    course = trial.bring_about(fault, LOAD)
    assert fault.calls == COURSE
    assert (course.led, course.leads, course.stable) == (("db1", 3), ("db1", 3), 7.0)
    assert course.injected <= course.acting <= course.healing <= course.healed


@pytest.mark.parametrize(("never", "said"), [("acts", "FakeFault acts"), ("holds", "did not act until its end")])
def test_a_fault_that_does_not_act_proves_nothing(never, said):
    fault: Any = FakeFault(never=never)
    with pytest.raises(NotSo, match=said):
        trial.bring_about(fault, LOAD)
    assert fault.calls[-2:] == ["heal", "restore"]


def test_what_does_not_become_whole_is_told_and_undone(monkeypatch):
    monkeypatch.setattr(trial, "stays_whole", lambda _arena, _deadline: None)
    fault: Any = FakeFault()
    course = trial.bring_about(fault, LOAD)
    assert (course.stable, course.leads, fault.calls[-1]) == (None, None, "restore")


@pytest.mark.parametrize(
    ("fails", "undone"),
    [
        ("prepare", ["restore"]),
        ("inject", ["heal", "restore"]),
        ("acts", ["heal", "restore"]),
        ("heal", ["heal", "restore"]),
    ],
)
def test_whatever_fails_is_undone(fails, undone):
    fault: Any = FakeFault(fails)
    with pytest.raises(ZeroDivisionError):
        trial.bring_about(fault, LOAD)
    after = fault.calls[fault.calls.index(fails) + 1 :]
    assert after == undone


def test_a_restoration_is_tried_again(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    answers = iter([RuntimeError("etcd has no leader"), None])

    def restore():
        if answer := next(answers):
            raise answer

    undo.insist(restore)
    assert list(answers) == []


def test_all_is_undone_whatever_fails(monkeypatch):
    monkeypatch.setattr(undo, "WHOLE_SECONDS", -1)
    done = []

    def fails():
        raise LabError("the host does not boot")

    with pytest.raises(ExceptionGroup) as raised:
        undo.every([fails, lambda: done.append("second")])
    assert (done, len(raised.value.exceptions)) == (["second"], 1)


def test_who_has_moved():
    def writer(member):
        place = fake(member=member) if member else None
        return Writer(POOLED, "a", fake(), fake(), writes=[fake(place=place)])

    def moved(*members):
        return trial.moved(fake(leader="db1"), fake(clients=list(map(writer, members))))

    assert moved("db2", "db3")
    assert not moved("db2", "db1")
    assert not moved("db2", None)
