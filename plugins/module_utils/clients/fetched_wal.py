# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single files out of an archive of WAL, by PostgreSQL's own restore_command, whichever engine's it is."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import (
    CommandError,
    as_postgres,
    complete,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError

PATIENCE = 120.0
"""Seconds; an engine tries a storage that does not answer for about a minute."""

ABSENT = 1
"""The exit code of every engine's command where the archive answers, and has no such file."""


@dataclass(frozen=True)
class FetchedWal:
    """`command` has %f for the file's name and %p for where it goes; it runs in `folder`, as *postgres*."""

    command: str
    folder: Path
    seconds: float = PATIENCE

    def fetch(self, name: str, to: Path) -> bool:
        """Bring a file; False where the archive has none. Raises RemoteError where it does not answer."""
        words = self.command.replace("%f", name).replace("%p", str(to))
        shell = ["/bin/sh", "-c", f"cd {shlex.quote(str(self.folder))} && {words}"]
        try:
            done = complete(as_postgres(shell), seconds=self.seconds)
        except (CommandError, OSError) as error:
            raise self._failure(name, str(error)) from error
        if done.returncode not in (0, ABSENT):
            raise self._failure(name, f"exit code {done.returncode}: {_telling(done.stderr or done.stdout)}")
        return done.returncode == 0

    def _failure(self, name: str, reason: str) -> RemoteError:
        return RemoteError(f"asking the archive for {name}: {reason}", reason=reason)


def _telling(text: str) -> str:
    """The first line that names an error, else the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["it said nothing"]
    return next((line for line in lines if "ERROR" in line), lines[-1])
