# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that is a child of this process: it lives in the same unit of systemd, and dies with it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.transient_unit import (
    LONGEST_STOP,
    State,
    Work,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.watch import Watch


class Child:
    """One at a time, whatever its unit is called; its limits and its user are this process's own.

    It offers what restore/recovering.py asks of whoever runs its server. Looking at it raises GivenUp.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, work: Work) -> None:
        """Have it run."""
        with Path(work.log).open("wb") as log:
            self._process = subprocess.Popen(  # pylint: disable=ansible-bad-function # a server, which outlives a call
                work.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "LC_ALL": "C"},
            )

    def state(self, _unit: str) -> State:
        """How it stands."""
        self._watch.go_on()
        if self._process is None:
            return State(False)
        code = self._process.poll()
        return State(code is None, code or 0, "exit-code" if code else "success")

    def stop(self, _unit: str) -> None:
        """A fast shutdown, and one that waits for nothing when that takes too long."""
        if self._process is None:
            return
        for number, seconds in ((signal.SIGINT, LONGEST_STOP), (signal.SIGQUIT, 10.0), (signal.SIGKILL, None)):
            if self._process.poll() is None:
                self._process.send_signal(number)
            try:
                self._process.wait(seconds)
                return
            except subprocess.TimeoutExpired:
                continue
