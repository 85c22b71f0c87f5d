# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of this host, run without a shell, in the C locale, and never for longer than they may."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable

READING = 10.0
"""Seconds; a command that only reads answers within some hundredths of a second on a healthy host."""


class CommandError(Exception):
    """A command ended with an error, or not in time."""


def as_postgres(argv: list[str]) -> list[str]:
    """The command as *postgres* runs it, by way of runuser where root asks for it."""
    return ["runuser", "-u", "postgres", "--", *argv] if os.geteuid() == 0 else argv


def complete(argv: list[str], *, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.

    :raises CommandError: when it takes longer than the given seconds.
    :raises OSError: when it does not exist or cannot be run.
    """
    try:
        return subprocess.run(  # pylint: disable=ansible-bad-function # run_command would need an AnsibleModule here
            argv,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{argv[0]} did not end within {seconds:.0f} s") from error


def run(argv: list[str], *, accepted: Iterable[int] = (0,)) -> str:
    """What a command that only reads prints.

    :raises CommandError: when it ends with another exit code than the accepted ones, or takes longer than 10 s.
    :raises OSError: when it does not exist or cannot be run.
    """
    done = complete(argv, seconds=READING)
    if done.returncode not in set(accepted):
        raise CommandError(f"{argv[0]} ended with exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout
