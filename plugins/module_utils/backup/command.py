# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of an engine, run as *postgres* without a shell."""

from __future__ import annotations

import os
import re
import subprocess
import threading

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import (
    CommandError,
    as_postgres,
    complete,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.engine import Argv
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError

READING = 600.0
"""Seconds; a repository that does not answer lets its engine try for minutes."""

READING_ALL = 7 * 24 * 3600.0

SHOWN = 800  # characters of a command's last words that a message repeats
FAILURE = re.compile(r"\b(ERROR|CRITICAL|FATAL)\b")
WATCHED = 0.5  # seconds between looks at a command that takes its time


class EngineError(MatriarchError):
    """A command of an engine failed."""


def call(argv: Argv, seconds: float = READING) -> str:
    """What a command that only reads prints. Raises EngineError with its words."""
    try:
        done = complete(as_postgres(argv), seconds=seconds)
    except (CommandError, OSError) as error:
        raise EngineError(f"{named(argv)}: {error}") from error
    if done.returncode != 0:
        raise EngineError(f"{named(argv)}: {last_words(done.stderr or done.stdout)}", rc=done.returncode)
    return done.stdout


def call_for_long(argv: Argv) -> str:
    """The same for one that reads everything there is."""
    return call(argv, READING_ALL)


def work(argv: Argv, given_up: threading.Event) -> str:
    """What a command that takes its time prints; it is ended when `given_up` is set. Raises EngineError."""
    process = subprocess.Popen(  # pylint: disable=ansible-bad-function # run_command would need an AnsibleModule here
        as_postgres(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "LC_ALL": "C"},
    )
    reader = threading.Thread(target=(said := _Said(process)).read, daemon=True)
    reader.start()
    while True:
        try:
            code = process.wait(WATCHED)
            break
        except subprocess.TimeoutExpired:
            if given_up.is_set():
                process.terminate()
    reader.join(5)
    if given_up.is_set():
        raise EngineError("the lock of the backups was lost, so the backup was ended: etcd did not answer")
    if code != 0:
        raise EngineError(f"{named(argv)}: {last_words(said.text)}", rc=code)
    return said.text


class _Said:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.text = ""
        self._process = process

    def read(self) -> None:
        for line in self._process.stdout or ():
            self.text = (self.text + line)[-20 * SHOWN :]


def named(argv: Argv) -> str:
    """The command in short: its program and what is no option."""
    program, *words = argv
    return " ".join([program.rpartition("/")[2], *(word for word in words if not word.startswith("-"))])


def last_words(text: str) -> str:
    """Why a command failed: what it says from its first error on, or where it names none its last words."""
    lines = text.strip().splitlines()
    telling = next((number for number, line in enumerate(lines) if FAILURE.search(line)), 0)
    return "\n".join(lines[telling:])[-SHOWN:] or "it said nothing"
