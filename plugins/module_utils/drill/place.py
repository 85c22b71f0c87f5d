# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a drill lays what it restores: one folder with a fixed name, which is removed whatever happens to the drill."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.lock import Busy
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.state import FOLDER
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings

LOCK_FILE = f"{FOLDER}/drill.lock"
RUN = "/run/matriarch-drill"
"""For the socket, whose path may have no more than 107 bytes; a unit of systemd has a directory of its own."""


class Place:
    """This host's place for drills."""

    def __init__(self, settings: Settings, lock_file: str = LOCK_FILE) -> None:
        data = Path(settings.data_directory)
        self.parent = Path(settings.drill.directory) if settings.drill.directory else data.parent
        self.folder = self.parent / f"{data.name}.drill"
        self.data, self.spool, self.log = (self.folder / name for name in ("data", "spool", "postgresql.log"))
        self.run = Path(os.environ.get("RUNTIME_DIRECTORY", RUN))
        self._lock_file = lock_file

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One drill of this host at a time; the lock ends with its process. Raises Busy."""
        try:
            descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise MatriarchError(f"{self._lock_file}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise Busy("a drill runs on this host already") from error
        try:
            yield
        finally:
            os.close(descriptor)

    def make(self) -> None:
        """The folders, empty. Raises MatriarchError."""
        try:
            for folder in (self.folder, self.data, self.spool):
                folder.mkdir(mode=0o700)
            self.run.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise MatriarchError(f"{error.filename} could not be made: {error.strerror}") from error

    def sweep(self) -> None:
        """Remove what a drill left. Raises MatriarchError."""
        if not self.folder.exists():
            return
        try:
            shutil.rmtree(self.folder)
        except OSError as error:
            raise MatriarchError(f"{error.filename} could not be removed: {error.strerror}") from error

    def room(self) -> tuple[int, int]:
        """Bytes that are free there, and all bytes. Raises MatriarchError."""
        try:
            usage = shutil.disk_usage(self.parent)
        except OSError as error:
            raise MatriarchError(f"{self.parent}: {error.strerror}. Next: ansible-playbook site.yml") from error
        return usage.free, usage.total
