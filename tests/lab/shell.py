# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running this machine's programs, and waiting for what they do."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .errors import LabError

Word = str | Path | int


def run(*command: Word, stdin: str | None = None) -> str:
    """Run a program to its end and return what it printed; raise LabError with its own words when it fails."""
    done = attempt(*command, stdin=stdin)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing")[-2000:]
        raise LabError(f"{' '.join(map(str, command))}: exit {done.returncode}, it said: {said}")
    return done.stdout


def attempt(*command: Word, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program that may fail; the caller looks at `returncode`."""
    words = [str(word) for word in command]
    try:
        return subprocess.run(words, input=stdin, text=True, capture_output=True, check=False)
    except FileNotFoundError as missing:
        raise LabError(f"{words[0]}: not on this machine; run `python3 tests/lab install-prerequisites`") from missing


def wait_until(condition: Callable[[], bool], deadline: float) -> bool:
    """Whether the condition came true within so many seconds."""
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
