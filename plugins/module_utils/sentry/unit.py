# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patroni's unit on this host: its end, and that it does not begin again while the disk hangs.

The mark lies in memory. While it is there, systemd finds that Patroni may not start (ExecCondition), and what had been
killed stays down. Then it has another name until Patroni is told to start, so that a sentry which ends in between finds
what is left to be done. Nothing here touches a disk, but `release`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import CommandError, complete
from ansible_collections.matriarch.pgcluster.plugins.module_utils.sentry import doom, sockets

UNIT = "patroni.service"
START_SECONDS = 10.0
END_SECONDS = 5.0  # for those who waited for the disk, once it is back
REMOVED_SECONDS = 1.0  # for systemd to remove the cgroup of nobody


@dataclass(frozen=True)
class Unit:
    """`ports`: where it listens; `cgroup`: where it lives; `mark`: that it may not start; `guard`: the guard's pipe."""

    ports: tuple[int, ...]
    cgroup: Path = Path("/sys/fs/cgroup/system.slice") / UNIT
    mark: Path = Path("/run/matriarch-sentry/hung")
    guard: Path = Path("/run/matriarch-guard/pings")

    @property
    def is_held(self) -> bool:
        """Whether it was ended, and may not start."""
        return self.mark.exists()

    @property
    def is_ended(self) -> bool:
        """Whether it was ended, and has not been told to start since."""
        return self.is_held or self._released.exists()

    @property
    def _released(self) -> Path:
        return self.mark.with_name("released")

    def holds(self, pid: int) -> bool:
        """Whether a process is one of its own, or none at all."""
        try:
            return pid in doom.inhabitants(self.cgroup) or not (doom.PROC / str(pid)).exists()
        except OSError:
            return False

    def end(self) -> str:
        """End all of it, and keep it from starting; empty once it is proved that nothing of it runs, or why it is not.

        The guard is told to expect nothing more: it would kill what comes after, which is no leader. Clients are told
        to wait for nothing.
        """
        self.mark.touch()
        try:
            left = doom.end(self.cgroup)
        except OSError as error:
            return f"the kernel does not tell: {error}"
        if left:
            return f"{', '.join(map(str, left))} of {UNIT} still may run"
        self._dismiss_guard()
        with suppress(OSError):  # a kernel that has it not
            for port in self.ports:
                sockets.end(port)
        return ""

    def _dismiss_guard(self) -> None:
        try:
            pipe = os.open(self.guard, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # there is none, or nobody listens
            return
        try:
            os.write(pipe, b"V")
        finally:
            os.close(pipe)

    def release(self) -> str:
        """It may start, and does; or it may not yet, and this is what systemd says.

        Those who waited for the disk end first. As long as their cgroup is there, Linux 6.18 kills whatever systemd
        puts into it, for it was killed once (`kill_seq` in kernel/cgroup/cgroup.c).
        """
        if self.is_held:
            self._wait_for_the_end()
            self.mark.replace(self._released)
        problem = _start()
        if not problem:
            self._released.unlink(missing_ok=True)
        return problem

    def _wait_for_the_end(self) -> None:
        _wait(END_SECONDS, self._is_inhabited)
        _wait(REMOVED_SECONDS, self.cgroup.exists)

    def _is_inhabited(self) -> bool:
        try:
            return any(doom.inhabitants(self.cgroup))
        except OSError:
            return False


def _wait(seconds: float, lasts: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while lasts() and time.monotonic() < deadline:
        time.sleep(doom.LOOK_SECONDS)


def _start() -> str:
    try:
        done = complete(["systemctl", "start", "--no-block", UNIT], seconds=START_SECONDS)
    except (CommandError, OSError) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip()
