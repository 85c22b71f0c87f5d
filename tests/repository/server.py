# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP server that hosts fetch from: a process of its own, known by its pid file."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from lab.errors import LabError
from lab.shell import wait_until

PORT = 8016
PID_FILE = "server.pid"
LOG = "server.log"
DEADLINE = 10.0  # seconds to start or to end


def start(folder: Path, address: str) -> str:
    """Serve the folder on this address alone, in the place of an earlier server; return the URL."""
    command = [sys.executable, "-m", "http.server", "--bind", address, "--directory", str(folder), str(PORT)]
    stop(folder)
    if _listens(address):
        raise LabError(f"{address}:{PORT}: taken by another program; `ss -ltnp` names it")
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    (folder / PID_FILE).write_text(f"{process.pid}\n", encoding="ascii")
    if not wait_until(lambda: process.poll() is not None or _listens(address), DEADLINE) or process.poll() is not None:
        last = (folder / LOG).read_text(errors="replace").strip().rpartition("\n")[-1]
        raise LabError(f"{' '.join(command)}: does not serve, its last words: {last}; see {folder / LOG}")
    return f"http://{address}:{PORT}"


def stop(folder: Path) -> None:
    pid_file = folder / PID_FILE
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text(encoding="ascii"))
    if _is_ours(pid, folder):
        os.kill(pid, signal.SIGTERM)
        if not wait_until(lambda: not _is_ours(pid, folder), DEADLINE):
            raise LabError(f"HTTP server {pid}: lives {DEADLINE:.0f} s after SIGTERM; end it with `kill -9 {pid}`")
    pid_file.unlink()


def _is_ours(pid: int, folder: Path) -> bool:
    """Whether the process serves this folder: after a restart of the machine its number may be another's."""
    with suppress(FileNotFoundError, ProcessLookupError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return b"http.server" in words and os.fsencode(folder) in words
    return False


def _listens(address: str) -> bool:
    with suppress(OSError), socket.create_connection((address, PORT), timeout=1):
        return True
    return False
