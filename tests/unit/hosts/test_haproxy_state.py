"""What HAProxy's next process is told about the servers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.haproxy import FakeHaproxy, UnixServer

from .program import load

state = load("haproxy", "matriarch-haproxy-state")
HEADER = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state\n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(state, "STATE", tmp_path / "servers.state")
    monkeypatch.setattr(state, "ALL_DOWN", tmp_path / "servers-down.state")
    state.ALL_DOWN.write_text(HEADER + "4 leader 1 db1 10.0.0.1 0\n4 leader 2 db2 10.0.0.2 0\n")
    return state


def test_a_start_believes_in_nobody(files):
    files.forget()
    assert files.STATE.read_text() == files.ALL_DOWN.read_text()


def test_a_reload_keeps_what_is_known_and_believes_in_no_new_server(files, monkeypatch):
    monkeypatch.setattr(files, "ask", lambda command: (HEADER + "4 leader 1 db1 10.0.0.1 2\n\n").encode())
    files.keep()
    assert files.STATE.read_text() == HEADER + "4 leader 1 db1 10.0.0.1 2\n4 leader 2 db2 10.0.0.2 0\n"


def line(name: str, port: int, up: int) -> str:
    return f"4 leader 1 {name} 10.0.0.1 {up} 0 1 1 0 13 2 0 6 0 0 0 - {port} - 0 0 - - 0\n"


def test_a_port_that_is_another_by_now_is_not_brought_back(files, monkeypatch):
    files.ALL_DOWN.write_text(HEADER + line("db1", 5433, 0) + line("db2", 5432, 0))
    known = HEADER + line("db1", 5432, 2) + line("db2", 5432, 2)
    monkeypatch.setattr(files, "ask", lambda command: known.encode())
    files.keep()
    assert files.STATE.read_text() == HEADER + line("db2", 5432, 2) + line("db1", 5433, 0)


def test_a_silent_haproxy_leaves_the_file_alone(files, monkeypatch):
    files.forget()
    before = files.STATE.read_text()

    def silent(command):
        raise TimeoutError("timed out")

    monkeypatch.setattr(files, "ask", silent)
    with pytest.raises(TimeoutError):
        files.keep()
    assert files.STATE.read_text() == before


@pytest.fixture
def haproxy(monkeypatch):
    fake = FakeHaproxy()
    with tempfile.TemporaryDirectory(prefix="haproxy-") as name:  # short, for a socket's path has 107 bytes at most
        server = UnixServer(Path(name) / "admin.sock", fake.answer)
        monkeypatch.setattr(state, "SOCKET", server.path)
        yield fake
        server.stop()


def test_a_drained_server_serves_again(haproxy, capsys):
    haproxy.servers["replicas", "pg2"].state = "drain"
    state.ready("replicas/pg2")
    assert haproxy.servers["replicas", "pg2"].state == "ready"
    assert haproxy.asked == ["set server replicas/pg2 state ready"]
    assert capsys.readouterr().out.strip() == ""


def test_sessions_that_were_made_to_wait_are_admitted(haproxy, capsys):
    haproxy.session_limits["rw"] = 0
    state.admit("rw", "2000")
    assert haproxy.session_limits["rw"] == 2000
    assert capsys.readouterr().out.strip() == ""


def test_a_refusal_is_a_failure_in_haproxys_words(haproxy):
    """systemd tries again what fails, and writes it to the journal."""
    with pytest.raises(SystemExit) as ended:
        state.ready("replicas/pg9")
    assert ended.value.code == "No such server."


def test_a_socket_that_is_closed_without_an_answer_is_a_failure(monkeypatch):
    monkeypatch.setattr(state, "ask", lambda command: b"")
    with pytest.raises(SystemExit) as ended:
        state.admit("rw", "2000")
    assert ended.value.code == "HAProxy gave no answer"
