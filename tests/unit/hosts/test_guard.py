"""The guard's timer: what it hears, what it remembers, and when it stops waiting."""

from __future__ import annotations

import os

import pytest

from .program import load

guard = load("patroni", "matriarch-guard")


def test_it_is_disarmed_until_patroni_arms_it():
    timer = guard.Guard()
    timer.hear(b"1", at=5.0)
    assert timer.deadline is None
    assert not timer.is_overdue(1e9)


def test_it_is_overdue_when_the_pings_stop():
    timer = guard.Guard()
    timer.hear(b"Ctimeout=15\n1", at=100.0)
    assert not timer.is_overdue(114.9)
    assert timer.is_overdue(115.0)
    timer.hear(b"1", at=110.0)
    assert not timer.is_overdue(124.9)
    assert timer.is_overdue(125.0)


@pytest.mark.parametrize("messages", [b"V", b"1V", b"Ctimeout=9\nV"])
def test_a_leader_that_steps_down_disarms_it(messages):
    timer = guard.Guard(timeout=15, last_ping=100.0)
    timer.hear(messages, at=101.0)
    assert not timer.is_overdue(1e9)


def test_a_new_leader_arms_it_again():
    timer = guard.Guard(timeout=15, last_ping=100.0)
    timer.hear(b"VCtimeout=10\n1", at=101.0)
    assert timer.deadline == 111.0


def test_a_restarted_guard_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "STATE", tmp_path / "state.json")
    guard.save(guard.Guard(timeout=15, last_ping=42.5))
    found = guard.load()
    assert (found.timeout, found.last_ping) == (15, 42.5)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"timeout": 15}x', '{"other": 1}'])
def test_a_state_that_makes_no_sense_is_no_state(tmp_path, monkeypatch, text):
    state = tmp_path / "state.json"
    state.write_text(text)
    monkeypatch.setattr(guard, "STATE", state)
    assert guard.load().deadline is None


def test_one_that_cannot_keep_its_timer_guards_all_the_same(tmp_path, monkeypatch, capsys):
    class KilledError(Exception):
        pass

    def kill():
        raise KilledError

    monkeypatch.setattr(guard, "STATE", tmp_path / "full" / "state.json")
    monkeypatch.setattr(guard, "kill_unit", kill)
    pipe, patroni = os.pipe()
    os.write(patroni, b"Ctimeout=0\n1")
    with pytest.raises(KilledError):
        guard.watch(pipe, guard.Guard())
    assert capsys.readouterr().out.count("cannot keep its timer") == 1
