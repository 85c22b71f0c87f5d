# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of what a program prints, however much it is: a journal has no size that one could hold."""

from __future__ import annotations

import os
import subprocess
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import CommandError

LONGEST_LINE = 65536
"""Bytes; what is longer comes in pieces."""


@dataclass(frozen=True)
class Tail:
    """`dropped` counts the bytes before `text`."""

    text: str
    dropped: int


def tail(argv: Sequence[str], most: int, seconds: float) -> Tail:
    """The last whole lines that a program prints, `most` bytes of them.

    :raises CommandError: when it ends with an error, or not within the given seconds.
    :raises OSError: when it does not exist or cannot be run.
    """
    with subprocess.Popen(  # pylint: disable=ansible-bad-function # run_command would hold all of it
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"}
    ) as process:
        printed, complained = cast("IO[bytes]", process.stdout), cast("IO[bytes]", process.stderr)
        deadline = threading.Timer(seconds, process.kill)
        deadline.start()
        kept = _last(printed, most)
        complaint = complained.read(2000).decode(errors="replace").strip()
        code = process.wait()
        deadline.cancel()
    if code == -9:
        raise CommandError(f"{argv[0]} did not end within {seconds:.0f} s")
    if code:
        raise CommandError(f"{argv[0]} ended with exit code {code}: {complaint}")
    return kept


def tail_of_file(path: str, most: int) -> Tail:
    """The same of a file.

    :raises OSError: when it cannot be read.
    """
    with Path(path).open("rb") as file:
        return _last(file, most)


def _last(source: IO[bytes], most: int) -> Tail:
    lines: deque[bytes] = deque()
    size = dropped = 0
    while line := source.readline(LONGEST_LINE):
        lines.append(line)
        size += len(line)
        while size > most:
            dropped += len(lines[0])
            size -= len(lines.popleft())
    return Tail(b"".join(lines).decode(errors="replace"), dropped)
