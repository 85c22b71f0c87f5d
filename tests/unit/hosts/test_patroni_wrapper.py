# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ast
import json
import os
import subprocess
import sys

import pytest

from .program import ROLES

WRAPPER = ROLES / "patroni" / "files" / "matriarch-patroni"

MAIN = """
import json, socket, sys

def main():
    print(json.dumps(sys.argv[1:]))
    try:
        from patroni.dcs.etcd3 import Etcd3
        with socket.socket() as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
            Etcd3().set_socket_options(sock, [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)])
            print(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0,
                  sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0)
    except (ImportError, AttributeError):
        print("another Patroni")
    try:
        from patroni.api import RestApiHandler
        print(RestApiHandler.disable_nagle_algorithm)
    except ImportError:
        print("another server")
    if len(sys.argv) > 2:
        from patroni.dcs import etcd3
        print(etcd3._raise_for_data(json.loads(sys.argv[2]), 503))
    if len(sys.argv) > 3:
        from patroni.postgresql import Postgresql
        print(Postgresql(json.loads(sys.argv[3])).controldata())
    return 3
"""

ETCD3 = """
class Base:
    def set_socket_options(self, sock, options):
        for option in options or ():
            sock.setsockopt(*option)

class Etcd3(Base):
    pass

def _raise_for_data(data, status_code=None):
    try:
        return data["error"]["grpc_code"], data["error"]["message"], status_code
    except (KeyError, TypeError):
        return "unknown", data, status_code
"""


POSTGRESQL = """
class Postgresql:
    def __init__(self, data):
        self.data = data

    def controldata(self):
        return self.data
"""

WATCHDOG = """
import os

from .base import WatchdogError

class TestingWatchdogDevice:
    timeout = 60

    def __init__(self, device):
        self.device = device
        self._fd = None

    def open(self):
        try:
            self._fd = os.open(self.device, os.O_WRONLY)
        except OSError as error:
            raise WatchdogError(f"cannot open: {error.strerror}")

    def _write(self, message):
        try:
            os.write(self._fd, message)
        except OSError as error:
            raise WatchdogError(f"cannot write: {error.strerror}")

    def close(self):
        if self._fd is not None:
            self._write(b"V")
            os.close(self._fd)
            self._fd = None

    def keepalive(self):
        self._write(b"1")

    def set_timeout(self, timeout):
        self._write(f"Ctimeout={timeout}\\n".encode())
        self.timeout = timeout
"""

API = "class RestApiHandler:\n    disable_nagle_algorithm = False"


@pytest.fixture
def run(tmp_path):
    def run_with(etcd3, *command, main=MAIN, api=API, postgresql=POSTGRESQL, watchdog=WATCHDOG):
        package = tmp_path / "patroni"
        (package / "dcs").mkdir(parents=True)
        (package / "watchdog").mkdir()
        files = {"__init__": "", "__main__": main, "api": api, "dcs/__init__": "", "dcs/etcd3": etcd3}
        files |= {"postgresql": postgresql, "watchdog/__init__": "", "watchdog/linux": watchdog}
        files["watchdog/base"] = "class WatchdogError(Exception):\n    pass"
        for name, text in files.items():
            if text is not None:
                (package / f"{name}.py").write_text(text)
        command = command or (str(WRAPPER), "/etc/patroni/config.yml")
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=20, check=False
        )

    return run_with


def test_requests_and_answers_leave_at_once_and_connections_are_kept_alive_as_before(run):
    done = run(ETCD3)
    assert done.stdout.splitlines() == ['["/etc/patroni/config.yml"]', "True True", "True"]
    assert (done.returncode, done.stderr) == (3, "")


@pytest.mark.parametrize("etcd3", [None, "class Etcd4: pass", "class Etcd3: pass"], ids=["none", "renamed", "changed"])
def test_a_patroni_that_has_changed_runs_as_it_is(run, etcd3):
    done = run(etcd3)
    assert done.stdout.splitlines() == ['["/etc/patroni/config.yml"]', "another Patroni", "True"]
    assert done.returncode == 3
    assert [line.partition(" as this Patroni does it: ")[0] for line in done.stderr.splitlines()] == [
        "requests to etcd are sent",
        "errors of etcd are understood",
    ]


def test_another_rest_server_answers_as_it_does(run):
    done = run(ETCD3, api=None)
    assert done.stdout.splitlines() == ['["/etc/patroni/config.yml"]', "True True", "another server"]
    assert (done.returncode, done.stderr.startswith("answers are sent as this Patroni does it: ")) == (3, True)


SLOW = "etcdserver: request timed out, waiting for the applied index took too long"


@pytest.mark.parametrize(
    ("answer", "understood"),
    [
        ({"error": {"code": 14, "message": SLOW}}, (14, SLOW, 503)),
        ({"error": {"code": 2, "message": "not a primary lessor"}}, (14, "not a primary lessor", 503)),
        ({"error": {"code": 5, "message": "no such lease"}}, (5, "no such lease", 503)),
        ({"error": {"grpc_code": 5, "message": "no such lease"}}, (5, "no such lease", 503)),
        ({"error": SLOW, "code": 14}, ("unknown", {"error": SLOW, "code": 14}, 503)),
        ("no JSON", ("unknown", "no JSON", 503)),
    ],
    ids=["slow", "lost leadership", "refused", "older etcd", "no stream", "no object"],
)
def test_what_etcd_says_in_a_stream_is_understood(run, answer, understood):
    done = run(ETCD3, str(WRAPPER), "config.yml", json.dumps(answer))
    assert done.stdout.splitlines()[-1] == str(understood)
    assert (done.returncode, done.stderr) == (3, "")


STATE, LOCATION = "Database cluster state", "Minimum recovery ending location"


@pytest.mark.parametrize(
    ("data", "state"),
    [
        ({STATE: "shut down in recovery", LOCATION: "0/0"}, "in crash recovery"),
        ({STATE: "shut down in recovery", LOCATION: "0/00000000"}, "in crash recovery"),
        ({STATE: "shut down in recovery", LOCATION: "0/179B1140"}, "shut down in recovery"),
        ({STATE: "shut down", LOCATION: "0/0"}, "shut down"),
        ({STATE: "shut down in recovery"}, "shut down in recovery"),
        ({}, None),
    ],
    ids=["interrupted", "in longer words", "a replica", "a leader", "no location", "no answer"],
)
def test_a_recovery_that_was_interrupted_is_told_from_a_replica_that_was_stopped(run, data, state):
    done = run(ETCD3, str(WRAPPER), "config.yml", "{}", json.dumps(data))
    assert ast.literal_eval(done.stdout.splitlines()[-1]) == ({**data, STATE: state} if state else data)
    assert (done.returncode, done.stderr) == (3, "")


def test_another_postgresql_is_recovered_as_it_is(run):
    done = run(ETCD3, postgresql="class Server: pass")
    assert done.returncode == 3
    assert done.stderr.startswith("an interrupted recovery is taken as this Patroni does it: ")


LEADER = """
import os, sys
from patroni.watchdog.base import WatchdogError
from patroni.watchdog.linux import TestingWatchdogDevice

pipe = sys.argv[1]

def listen():
    os.mkfifo(pipe)
    return os.open(pipe, os.O_RDWR | os.O_NONBLOCK)

def stop_listening(end):
    os.close(end)
    os.unlink(pipe)

def main():
    end = listen()
    guard = TestingWatchdogDevice(pipe)
    guard.open()
    guard.set_timeout(15)
    guard.keepalive()
    print(os.read(end, 99))
    stop_listening(end)
    descriptors = os.listdir("/proc/self/fd")
    {then}
    print(len(os.listdir("/proc/self/fd")) - len(descriptors))
"""

PINGS = """
    for _ in range(2):
        try:
            guard.keepalive()
        except WatchdogError as error:
            print(error)
    end = listen()
    guard.keepalive()
    guard.keepalive()
    print(os.read(end, 99))
    os.close(end)
"""


def test_a_leader_arms_its_guard_again_once_there_is_another_pipe(run, tmp_path):
    main = LEADER.replace("{then}", PINGS.strip())
    done = run(ETCD3, str(WRAPPER), str(tmp_path / "pings"), main=main)
    assert done.stdout.splitlines() == [
        r"b'Ctimeout=15\n1'",
        "cannot open: No such file or directory",
        "cannot open: No such file or directory",
        r"b'Ctimeout=15\n11'",
        "0",
    ]
    assert (done.returncode, done.stderr) == (0, "")


def test_one_that_steps_down_while_nobody_listens_is_unguarded_and_arms_the_next(run, tmp_path):
    main = LEADER.replace("{then}", "guard.close(); print(guard._fd)")
    done = run(ETCD3, str(WRAPPER), str(tmp_path / "pings"), main=main)
    assert done.stdout.splitlines() == [r"b'Ctimeout=15\n1'", "None", "-1"]
    assert (done.returncode, done.stderr) == (0, "")


def test_another_watchdog_is_spoken_to_as_patroni_does(run):
    done = run(ETCD3, watchdog="class WatchdogDevice: pass")
    assert done.returncode == 3
    assert done.stderr.startswith("a guard whose pipe is gone is taken as this Patroni does it: ")


def test_a_process_that_imports_it_once_more_starts_no_second_patroni(run):
    done = run(ETCD3, "-c", f"import runpy; runpy.run_path({str(WRAPPER)!r}, run_name='__mp_main__')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_patroni_there_is_nothing_to_run(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(WRAPPER)], env=environment, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 1
    assert "No module named 'patroni'" in done.stderr
