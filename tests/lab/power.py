# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switching hosts on, waiting until they can be used, and cutting their power."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

from . import cgroup, delay, network, stuck
from .errors import LabError
from .host import Host
from .inside import ssh_command
from .shell import attempt, wait_until

DEADLINE = 90.0  # seconds from power on to a booted system
START = 10.0  # seconds until the first process runs
SHARED = "/srv/shared"
REBOOT = 133  # the exit code by which systemd-nspawn says that the host wants to be booted again


def is_on(host: Host) -> bool:
    return cgroup.of_host(host).populated()


def on(host: Host, shared: Path) -> None:
    """Boot the host from its disk as it was left, with the folder that all share; returns once systemd-nspawn runs."""
    if is_on(host):
        return
    group = cgroup.of_host(host)
    group.create()
    network.unplug(host)  # what is left of the last time
    with host.console.open("ab") as console:
        subprocess.run(
            group.enclose_again(_nspawn(host, shared), REBOOT),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            check=True,
        )
    if not wait_until(lambda: is_on(host), START):
        raise LabError(f"{host.name}: systemd-nspawn did not start within {START:.0f} s; see {host.console}")


def _nspawn(host: Host, shared: Path) -> list[str]:
    return [
        "systemd-nspawn",
        "--quiet",
        "--register=no",
        "--keep-unit",
        f"--directory={host.root}",
        f"--machine={host.machine}",
        f"--hostname={host.name}",
        f"--network-bridge={host.subnet.bridge}",
        f"--bind={shared}:{SHARED}",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--console=pipe",
        "--boot",
    ]


def wait_until_booted(host: Host, key: os.PathLike[str], known_hosts: os.PathLike[str]) -> str:
    """Until ssh answers and systemd has started everything; returns `running` or `degraded`."""
    end = time.monotonic() + DEADLINE
    said = "nothing on port 22"
    while time.monotonic() < end:
        if not is_on(host):
            last = host.console.read_text(errors="replace").strip().rpartition("\n")[-1]
            raise LabError(f"{host.name}: went off while it booted, its last words: {last}; see {host.console}")
        if _listens(host):
            done = attempt(*ssh_command(host, key, known_hosts), "systemctl", "is-system-running", "--wait")
            state = done.stdout.strip()
            if state in ("running", "degraded"):
                return state
            said = state or done.stderr.strip()
        time.sleep(0.1)
    raise LabError(f"{host.name}: not booted {DEADLINE:.0f} s after power on ({said}); see {host.console}")


def _listens(host: Host) -> bool:
    try:
        with socket.create_connection((host.address, 22), timeout=1) as connection:
            return connection.recv(4).startswith(b"SSH")
    except OSError:
        return False


def cut(host: Host) -> None:
    """A power cut. What the host had written but not synced survives, unlike on real hardware."""
    delay.end(host)
    group = cgroup.of_host(host)
    try:
        group.kill()
    except LabError:
        stuck.release(group.pids())
        group.kill()
    network.unplug(host)
