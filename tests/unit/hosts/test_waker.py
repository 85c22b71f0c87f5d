"""The waker: whose end it waits for, when it wakes Patroni, and what it asks of it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time

import pytest
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import FakePatroni
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import Reply

from .program import load

waker = load("patroni", "matriarch-waker")


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "main"
    folder.mkdir()
    return folder


@pytest.fixture
def postmaster(data):
    """A process that stands in for it: it lives in the data directory, and postmaster.pid names it."""
    process = subprocess.Popen(["sleep", "60"], cwd=data)
    (data / "postmaster.pid").write_text(f"{process.pid}\n{data}\n")
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def fake():
    patroni = FakePatroni()
    yield patroni
    patroni.server.stop()


@pytest.fixture
def patroni(fake, monkeypatch):
    """The waker's own client, asking the fake one without TLS."""
    monkeypatch.setattr(waker.ssl.SSLContext, "load_cert_chain", lambda *_args: None)
    monkeypatch.setattr(waker.time, "sleep", lambda _seconds: None)
    return waker.Patroni(fake.url, None, "", "")


def test_the_end_of_the_process_is_waited_for(data, postmaster):
    found = waker.running(data)
    assert found.pid == postmaster.pid
    waiting = threading.Thread(target=found.wait)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    postmaster.send_signal(signal.SIGKILL)
    waiting.join(10)
    assert not waiting.is_alive()


@pytest.mark.parametrize("text", [None, "", "none", "999999999\n"])
def test_there_is_nobody_to_wait_for(data, text):
    if text is not None:
        (data / "postmaster.pid").write_text(text)
    assert waker.running(data) is None


def test_a_file_that_was_left_may_name_somebody_else(data):
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n")
    assert waker.running(data) is None


def test_patroni_is_woken_and_nothing_is_written(fake, patroni):
    before = dict(fake.config)
    assert waker.hurry(patroni) == "Patroni was woken"
    assert [call.body for call in fake.server.asked("PATCH")] == [waker.NOTHING] * waker.TIMES
    assert fake.config == before


def test_a_paused_patroni_is_left_alone(fake, patroni):
    fake.config["pause"] = True
    assert waker.hurry(patroni) == "Patroni is paused, so it is left alone"
    assert fake.server.asked("PATCH") == []


def test_a_patroni_that_does_not_answer_is_tried_again(fake, patroni):
    answers = iter([Reply(b"", 503)] * (waker.TIMES - 1) + [Reply(fake.config)])
    fake.acts["GET", "/config"] = lambda _body: next(answers)
    assert waker.hurry(patroni) == "Patroni was woken"
    assert len(fake.server.asked("PATCH")) == 1


def test_a_patroni_that_is_gone_is_given_up(fake, patroni):
    fake.server.stop()
    assert waker.hurry(patroni).startswith("Patroni could not be woken: ")


class Enough(Exception):
    """Ends the waker's loop."""


@pytest.mark.parametrize("leaves_its_file", [True, False], ids=["killed", "ended in order"])
def test_only_a_postmaster_that_died_wakes_patroni(data, postmaster, monkeypatch, leaves_its_file):
    """One that ends in order removes its file first."""
    woken: list[object] = []
    monkeypatch.setattr(waker, "Patroni", lambda *place: place)
    monkeypatch.setattr(waker, "hurry", woken.append)

    def nobody_left(_seconds):
        raise Enough

    def end():
        time.sleep(0.05)
        if not leaves_its_file:
            (data / "postmaster.pid").unlink()
        postmaster.kill()
        postmaster.wait()

    ending = threading.Thread(target=end)
    ending.start()
    monkeypatch.setattr(waker, "time", type("Time", (), {"sleep": staticmethod(nobody_left)}))
    with pytest.raises(Enough):
        waker.watch(data, ("url", "ca", "cert", "key"))
    ending.join()
    assert woken == ([("url", "ca", "cert", "key")] if leaves_its_file else [])
