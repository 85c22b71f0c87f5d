# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fault counts only when it was seen to act, and is undone in any case."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from faults import trial
from faults.arena import NotSo
from faults.clients import Writer
from faults.load import POOLED

fake: Any = SimpleNamespace
COURSE = ["prepare", "inject", "acts", "heal", "restore"]


class FakeFault:
    """Notes what is asked of it; fails where it is told to."""

    seconds = 0.0
    until_moved = False
    arena = fake(connect=None, cluster=None)

    def __init__(self, fails="", acts=True):
        self.calls, self.fails, self.does_act = [], fails, acts

    def __getattr__(self, name: str) -> Any:
        if name not in COURSE:
            raise AttributeError(name)
        return lambda: self.called(name)

    def called(self, name):
        self.calls.append(name)
        if name == self.fails:
            raise ZeroDivisionError
        return self.does_act


@pytest.fixture(autouse=True)
def no_time(monkeypatch):
    for name in ("CALM_SECONDS", "ACTING_SECONDS"):
        monkeypatch.setattr(trial, name, 0.0)
    monkeypatch.setattr(trial, "standing", lambda _connect, _cluster: (fake(name="db1"), 3))


LOAD = fake(wait_for_everybody=lambda: None)


def test_a_fault_comes_and_goes():
    fault: Any = FakeFault()
    course = trial.bring_about(fault, LOAD)
    assert fault.calls == COURSE
    assert (course.leader, course.timeline, course.stable) == ("db1", 3, None)
    assert course.injected <= course.healed


def test_a_fault_that_does_not_act_proves_nothing():
    fault: Any = FakeFault(acts=False)
    with pytest.raises(NotSo, match="FakeFault acts"):
        trial.bring_about(fault, LOAD)
    assert fault.calls[-2:] == ["heal", "restore"]


@pytest.mark.parametrize(
    ("fails", "undone"),
    [("prepare", ["restore"]), ("inject", ["heal", "restore"]), ("acts", ["heal", "restore"]), ("heal", ["restore"])],
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

    trial.insist(restore)
    assert list(answers) == []


def test_who_has_moved():
    def writer(member):
        place = fake(member=member) if member else None
        return Writer(POOLED, "a", fake(), fake(), writes=[fake(place=place)])

    def moved(*members):
        return trial.moved(fake(leader="db1"), fake(clients=list(map(writer, members))))

    assert moved("db2", "db3")
    assert not moved("db2", "db1")
    assert not moved("db2", None)
