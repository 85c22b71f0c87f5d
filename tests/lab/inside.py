# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways into a host: over the network, without it, and into its network alone."""

from __future__ import annotations

import os

from . import cgroup
from .errors import LabError
from .host import Host

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "USER": "root",
    "LANG": "C.UTF-8",
}


def ssh_options(known_hosts: os.PathLike[str]) -> list[str]:
    return ["-o", f"UserKnownHostsFile={known_hosts}", "-o", "StrictHostKeyChecking=yes", "-o", "LogLevel=ERROR"]


def ssh_command(host: Host, key: os.PathLike[str], known_hosts: os.PathLike[str]) -> list[str]:
    options = [*ssh_options(known_hosts), "-o", "ConnectTimeout=3", "-o", "IdentitiesOnly=yes", "-i", str(key)]
    return ["ssh", *options, f"root@{host.address}"]


def exec_command(host: Host) -> list[str]:
    """Run inside without the network. The command dies with the host's process 1 but is not frozen with it."""
    environment = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
    spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"]
    return ["nsenter", "--target", str(init(host)), *spaces, "--", "env", "-i", *environment]


def netns_command(host: Host) -> list[str]:
    """Run a program of this machine in the host's network."""
    return ["nsenter", "--target", str(init(host)), "--net", "--"]


def init(host: Host) -> int:
    pid = cgroup.of_host(host).init()
    if pid is None:
        raise LabError(f"{host.name}: no process 1 found: the host is off; `start {host.name}` first")
    return pid
