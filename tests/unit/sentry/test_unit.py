# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patroni's unit: the mark before the end, the guard that expects nothing more, and who lives in it."""

from __future__ import annotations

import os

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import CommandError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.sentry import doom, sockets, unit
from ansible_collections.matriarch.pgcluster.plugins.module_utils.sentry.unit import Unit


@pytest.fixture
def patroni(tmp_path, monkeypatch):
    (tmp_path / "cgroup").mkdir()
    (tmp_path / "cgroup" / "cgroup.procs").write_text(f"{os.getpid()}\n")
    made = Unit((5432, 8008), tmp_path / "cgroup", tmp_path / "hung", tmp_path / "pings")
    os.mkfifo(made.guard)
    monkeypatch.setattr(sockets, "end", lambda _port: 0)
    monkeypatch.setattr(doom, "end", lambda _cgroup: [] if made.is_held else pytest.fail("Patroni could start"))
    return made


@pytest.fixture
def guard(patroni):
    pipe = os.open(patroni.guard, os.O_RDONLY | os.O_NONBLOCK)
    yield pipe
    os.close(pipe)


def heard(guard):
    try:
        return os.read(guard, 10)
    except BlockingIOError:
        return b""


def test_the_end_is_proved_and_the_guard_dismissed(patroni, guard, monkeypatch):
    ended: list[int] = []
    monkeypatch.setattr(sockets, "end", ended.append)
    assert patroni.end() == ""
    assert (heard(guard), ended, patroni.is_held) == (b"V", [5432, 8008], True)


def test_without_proof_the_guard_goes_on(patroni, guard, monkeypatch):
    monkeypatch.setattr(doom, "end", lambda _cgroup: [17, 18])
    assert patroni.end() == "17, 18 of patroni.service still may run"
    assert (heard(guard), patroni.is_held) == (b"", True)


def test_a_kernel_that_does_not_tell_is_no_proof(patroni, guard, monkeypatch):
    def refuse(_cgroup):
        raise FileNotFoundError(2, "No such file or directory", "cgroup.kill")

    monkeypatch.setattr(doom, "end", refuse)
    assert "cgroup.kill" in patroni.end()
    assert heard(guard) == b""


def test_what_was_ended_before_can_be_ended_again(tmp_path):
    """systemd has removed the cgroup meanwhile; the guard may not have been told."""
    (tmp_path / doom.KILL).touch()
    made = Unit((), tmp_path / "gone", tmp_path / "hung", tmp_path / "pings")
    os.mkfifo(made.guard)
    pipe = os.open(made.guard, os.O_RDONLY | os.O_NONBLOCK)
    assert (made.end(), heard(pipe), made.is_held) == ("", b"V", True)
    os.close(pipe)


def test_where_no_guard_is_nobody_is_told(patroni):
    assert patroni.end() == ""
    patroni.guard.unlink()
    assert patroni.end() == ""


def test_clients_that_cannot_be_told_are_no_problem(patroni, monkeypatch):
    def refuse(_port):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(sockets, "end", refuse)
    assert patroni.end() == ""


def test_who_lives_in_it(patroni):
    assert patroni.holds(os.getpid())
    assert not patroni.holds(os.getppid())
    assert patroni.holds(2**22 + 1)  # there is no such process


def test_a_unit_that_is_not_there_holds_nobody(patroni):
    (patroni.cgroup / "cgroup.procs").unlink()
    assert not patroni.holds(os.getpid())


@pytest.mark.parametrize(
    ("code", "told"), [(0, ""), (1, "Unit patroni.service not found."), (None, "systemctl did not end within 10 s")]
)
def test_it_starts_again(patroni, monkeypatch, code, told):
    def complete(argv, *, seconds):
        assert not patroni.is_held, "it could not start"
        if code is None:
            raise CommandError(f"{argv[0]} did not end within {seconds:.0f} s")
        return type("Done", (), {"returncode": code, "stderr": f"{told}\n"})

    patroni.mark.touch()
    (patroni.cgroup / "cgroup.procs").write_text("")
    monkeypatch.setattr(unit, "complete", complete)
    assert patroni.release() == told
    # Where it did not, it is tried again.
    assert patroni.is_ended is bool(told)
    assert patroni.release() == told


def test_a_sentry_that_ends_before_patroni_has_started_leaves_that_to_the_next_one(patroni, monkeypatch):
    def die(_argv, *, seconds):
        raise KeyboardInterrupt(seconds)

    patroni.mark.touch()
    (patroni.cgroup / "cgroup.procs").write_text("")
    monkeypatch.setattr(unit, "complete", die)
    with pytest.raises(KeyboardInterrupt):
        patroni.release()
    # It may start, and a disk that hangs again has to be seen to hang first.
    assert (patroni.is_ended, patroni.is_held) == (True, False)
    # Who lives there now is Patroni itself, perhaps: nobody is waited for.
    (patroni.cgroup / "cgroup.procs").write_text(f"{os.getpid()}\n")
    monkeypatch.setattr("time.sleep", lambda _seconds: pytest.fail("nobody ends"))
    monkeypatch.setattr(unit, "complete", lambda _argv, **_seconds: type("Done", (), {"returncode": 0}))
    assert patroni.release() == ""
    assert not patroni.is_ended


@pytest.mark.parametrize("ends", [True, False])
def test_those_who_waited_for_the_disk_end_first(patroni, monkeypatch, ends):
    """For some time, at least."""
    waited: list[float] = []

    def sleep(seconds):
        waited.append(seconds)
        if ends:
            (patroni.cgroup / "cgroup.procs").write_text("")

    def complete(_argv, *, seconds):
        assert waited
        return type("Done", (), {"returncode": 0, "stderr": "", "seconds": seconds})

    patroni.mark.touch()
    monkeypatch.setattr(unit, "END_SECONDS", 0.02)
    monkeypatch.setattr(unit, "REMOVED_SECONDS", 0.0)
    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setattr(unit, "complete", complete)
    assert patroni.release() == ""
