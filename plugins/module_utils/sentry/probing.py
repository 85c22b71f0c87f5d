# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that touches the disk, so that the one which has to act never does.

Once in a second it writes a few bytes where PostgreSQL keeps its data and its WAL, and has them written to the disk.
Each write that came back is told, with whatever error: a disk that refuses does not hang. Where no PostgreSQL runs,
nothing is written, and that is told as well: nobody waits for that disk, and an operator may want to unmount it.
The postmaster's number is told before each write, for the first one may never come back.
"""

from __future__ import annotations

import os
import pwd
import select
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.sentry import memory

SECONDS = 1.0  # from one round to the next
# PostgreSQL's own backups and pg_rewind pass over files of this name, and so do pgBackRest and Barman.
NAME = "pgsql_tmp_matriarch_sentry"
STUCK = "D"  # in /proc: waits in the kernel, and no signal wakes it
PIPE_BYTES = 65536  # all that a pipe holds, so that no line is cut


class Probe:
    """The child process, and what it tells. One that died is made anew, where its end can be seen.

    `postmaster` is the number that was told last, 0 where none runs, and None before anything was told.
    """

    def __init__(self, data: Path, user: str) -> None:
        self._data, self._user = data, pwd.getpwnam(user)
        self.postmaster: int | None = None
        self._start()

    def _start(self) -> None:
        self._end, child_end = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._end)
            _be_child(self._data, child_end, self._user)
        os.close(child_end)

    def wait(self, seconds: float) -> bool:
        """Whether a write has come back within that time, as soon as one has."""
        deadline = time.monotonic() + seconds
        while not (has_returned := self._hear(max(0.0, deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                break
        return has_returned

    def _hear(self, seconds: float) -> bool:
        """Whether what it tells next is, among others, that a write has come back."""
        ready, _writable, _other = select.select([self._end], [], [], seconds)
        if not ready:
            return False
        said = os.read(self._end, PIPE_BYTES)
        if not said:
            os.close(self._end)
            os.waitpid(self._pid, os.WNOHANG)  # the kernel may still be at its end
            time.sleep(seconds)
            self._start()
            return False
        told = [tuple(map(int, line.split())) for line in said.splitlines()]
        self.postmaster = told[-1][0]
        return any(has_returned for _postmaster, has_returned in told)

    @property
    def is_stuck(self) -> bool:
        """Whether it waits in the kernel now, and cannot be woken."""
        try:
            stat = Path(f"/proc/{self._pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] == STUCK

    def end(self) -> None:
        """For tests: no more writes."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._end)


def _be_child(data: Path, told: int, user: pwd.struct_passwd) -> None:
    """Never returns."""
    try:
        memory.stay()  # locks are not inherited
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
        os.chdir("/")
        while True:
            for line in rounds(data):
                os.write(told, b"%d %d\n" % line)
            time.sleep(SECONDS)
    finally:  # nothing of the parent's is to be undone here, and nothing to be said
        os._exit(1)


def rounds(data: Path) -> Iterator[tuple[int, bool]]:
    """Write once to each disk: the postmaster's number, 0 where none runs, and whether a write has come back.

    Where none runs there is nothing to wait for.
    """
    postmaster = running(data)
    yield postmaster, not postmaster
    for folder in folders(data) if postmaster else ():
        with suppress(OSError):  # full, read-only or broken: it has answered
            touch(folder / NAME)
        yield postmaster, True


def running(data: Path) -> int:
    """The number that postmaster.pid tells; 0 where there is none, as after a stop in order."""
    try:
        return int((data / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])
    except (OSError, ValueError):
        return 0


def folders(data: Path) -> list[Path]:
    """One on each disk: WAL may have its own."""
    found: dict[int, Path] = {}
    for folder in (data / "pg_wal", data):
        with suppress(OSError):
            found.setdefault(folder.stat().st_dev, folder)
    return list(found.values())


def touch(path: Path) -> None:
    """Write a few bytes, always at the same place, and wait until the disk has them. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(fd, b"%020d\n" % time.monotonic_ns(), 0)
        os.fsync(fd)
    finally:
        os.close(fd)
