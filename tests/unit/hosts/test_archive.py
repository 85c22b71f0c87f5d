# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's archive command: as good as the engine's, but nobody who stops waits for it."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from .program import ROLES

TEMPLATE = (ROLES / "backup" / "templates" / "matriarch-archive.j2").read_text(encoding="utf-8")
PUSH = "{{ __backup_commands.push | map('quote') | join(' ') }}"
ENDS_ARCHIVER = 255


class Host:
    """A data directory, and an engine that does what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.mark, self.engine = folder / "data", folder / "handing-over", folder / "engine"
        self.folder.mkdir()
        self.program = folder / "program"
        text = TEMPLATE.replace("# {{ ansible_managed }}\n", "").replace("/run/patroni/handing-over", str(self.mark))
        self.program.write_text(text.replace(PUSH, f"sh {self.engine}").replace("PATIENCE=10", "PATIENCE=1"))
        self.status("ready")
        self.does("exit 0")

    def status(self, word: str) -> None:
        (self.folder / "postmaster.pid").write_text(f"1\n/data\n3\n5432\n/run\n*\n 6\n{word}   \n")

    def does(self, script: str) -> None:
        self.engine.write_text(f'echo "$1" >> {self.folder}/pushed\n{script}\n')

    def hands_over(self, seconds: int) -> None:
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        self.mark.write_text(f"{int(uptime) + seconds}\n")

    def archive(self) -> tuple[int, float]:
        begun = time.monotonic()
        command = ["sh", str(self.program), "pg_wal/00000001", "engine"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, timeout=30, check=False)
        return done.returncode, time.monotonic() - begun

    @property
    def pushed(self) -> str:
        path = self.folder / "pushed"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


@pytest.mark.parametrize("code", [0, 1, 82])
def test_the_engines_word_counts(host, code):
    host.does(f"exit {code}")
    assert host.archive()[0] == code
    assert host.pushed == "pg_wal/00000001\n"


def test_a_slow_engine_is_waited_for_while_postgresql_runs(host):
    host.does("sleep 2; exit 0")
    code, seconds = host.archive()
    assert (code, seconds >= 2) == (0, True)


def test_while_postgresql_stops_what_works_is_archived(host):
    host.status("stopping")
    assert host.archive()[0] == 0


def test_while_postgresql_stops_a_failure_ends_the_archiver(host):
    host.status("stopping")
    host.does("exit 1")
    assert host.archive()[0] == ENDS_ARCHIVER


def test_while_postgresql_stops_a_dead_repository_gets_little_time(host):
    host.status("stopping")
    host.does("exec sleep 20")
    code, seconds = host.archive()
    assert (code, seconds < 5) == (ENDS_ARCHIVER, True)


def test_in_a_handover_nothing_is_tried(host):
    host.hands_over(60)
    assert host.archive()[0] == ENDS_ARCHIVER
    assert host.pushed == ""


def test_a_handover_that_begins_meanwhile_ends_the_wait(host):
    host.does("exec sleep 20")
    begin = f"echo 99999999999 > {host.mark}; sed -i 's/^ready.*/stopping/' postmaster.pid"
    command = f"(sleep 0.5; {begin}) > /dev/null 2>&1 &"
    subprocess.run(["sh", "-c", command], cwd=host.folder, check=True)
    code, seconds = host.archive()
    assert (code, seconds < 5) == (ENDS_ARCHIVER, True)


@pytest.mark.parametrize("mark", ["", "1\n", "soon\n", "$(reboot)\n"])
def test_a_mark_that_is_old_or_makes_no_sense_is_none(host, mark):
    host.mark.write_text(mark)
    assert host.archive()[0] == 0


def test_a_postmaster_that_is_gone_has_stopped(host):
    (host.folder / "postmaster.pid").unlink()
    host.does("exit 1")
    assert host.archive()[0] == ENDS_ARCHIVER
