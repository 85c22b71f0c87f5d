# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import signal
import subprocess
import threading
from pathlib import Path

import pytest

from .program import ROLES

SCRIPT = (ROLES / "patroni" / "files" / "matriarch-handover").read_text(encoding="utf-8")

# A postmaster that writes down the signal, and takes its time to end, or never does.
POSTMASTER = """
trap 'echo fast > "$1"; sleep "$2"; exit' INT
echo ready
while :; do sleep 0.01; done
"""


# One that waits for a child, as for a connection that has not said who it is; $3 is what that child is called.
WAITING_POSTMASTER = """
trap 'echo fast > "$1"' INT
bash -c 'exec -a "$0" sleep 60' "$3" &
echo ready
while kill -0 $! 2> /dev/null; do sleep 0.01; done
"""


def heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Host:
    """A data directory, a mark, and a process in place of PostgreSQL's."""

    def __init__(self, folder: Path) -> None:
        self.mark, self.data, self.signal = folder / "handover", folder / "data 'x' $(id)", folder / "signal"
        self.data.mkdir()
        self.program = folder / "program"
        self.program.write_text(SCRIPT.replace("/run/patroni/handover", str(self.mark)))
        self.process: subprocess.Popen[str] | None = None

    def start(self, takes: float = 0, waits_for: str = "") -> None:
        program = WAITING_POSTMASTER if waits_for else POSTMASTER
        command = ["sh", "-c", program, "postmaster", str(self.signal), str(takes), waits_for]
        # A test run in the background of a shell ignores SIGINT, and so would all that it starts.
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)
        assert self.process.stdout is not None
        self.process.stdout.readline()
        # As systemd or Patroni would; a dead child that nobody waits for still counts as a process.
        threading.Thread(target=self.process.wait, daemon=True).start()
        (self.data / "postmaster.pid").write_text(f"{self.process.pid}\n{self.data}\n1700000000\n5432\n")

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def run(self) -> int:
        done = subprocess.run(["sh", str(self.program), str(self.data)], capture_output=True, timeout=20, check=False)
        return done.returncode


@pytest.fixture
def host(tmp_path):
    found = Host(tmp_path)
    yield found
    if found.process:
        found.process.kill()


def boot_seconds() -> int:
    return int(Path("/proc/uptime").read_text(encoding="ascii").split(".")[0])


def test_without_a_mark_patroni_stops_postgresql_itself(host):
    host.start(takes=0)
    assert host.run() == 0
    assert host.lives
    assert not host.signal.exists()


def test_with_a_fresh_mark_postgresql_is_stopped_fast_and_waited_for(host):
    host.mark.write_text(f"{boot_seconds() + 60}\n")
    host.start(takes=0.2)
    assert host.run() == 0
    assert not host.lives
    assert host.signal.read_text() == "fast\n"


def test_a_mark_is_good_for_one_stop(host):
    host.mark.write_text(f"{boot_seconds() + 60}\n")
    host.start(takes=0)
    assert host.run() == 0
    assert not host.mark.exists()


@pytest.mark.parametrize(
    "mark", [b"1\n", b"", b"\n", b"soon\n", b"-5\n", b"$(touch x)\n", b"99999999999 or 1\n", b"\xff\x00\n", b"*\n"]
)
def test_a_mark_that_is_old_or_makes_no_sense_is_none_and_is_taken_away(host, mark):
    host.mark.write_bytes(mark)
    host.start(takes=0)
    assert host.run() == 0
    assert host.lives
    assert not host.signal.exists()
    assert not host.mark.exists()


@pytest.mark.parametrize("pid", [None, "", "no number\n", "99999999\n"])
def test_where_nothing_runs_nothing_is_done(host, pid):
    host.mark.write_text(f"{boot_seconds() + 60}\n")
    if pid is not None:
        (host.data / "postmaster.pid").write_text(pid)
    assert host.run() == 0
    assert not host.mark.exists()


def test_a_connection_that_came_too_late_is_not_waited_for(host):
    host.mark.write_text(f"{boot_seconds() + 60}\n")
    host.start(waits_for="postgres: main: [unknown] [unknown] 10.0.0.7(51002) startup")
    assert host.run() == 0
    assert not host.lives


@pytest.mark.parametrize("worker", ["checkpointer", "walsender replicator 10.0.0.2(40000) streaming", "archiver"])
def test_who_is_still_at_work_is_waited_for_while_the_mark_is_fresh(host, worker):
    host.mark.write_text(f"{boot_seconds() + 4}\n")
    host.start(waits_for=f"postgres: main: {worker}")
    assert host.run() == 0
    assert host.lives
    assert host.signal.read_text() == "fast\n"
