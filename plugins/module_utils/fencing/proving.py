# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that proves that a host has no power."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence


def disproof(command: Sequence[str], host: str, seconds: float) -> str:
    """Run it to its end; empty where it has proved it, or why it has not.

    What it says is dropped: it may say how it logs in. One that takes too long is killed with all that it started.
    """
    try:
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function # there is no AnsibleModule here
            [*command, host],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        return f"it could not be run: {error}"
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return f"it did not end within {seconds:.0f} s"
    return f"it ended with exit code {code}" if code else ""
