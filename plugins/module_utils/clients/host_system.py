# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this host is: system, memory, addresses, kernel settings, packages, units. Each function reads one thing.

All raise OSError, ValueError or CommandError when it cannot be read. Files are looked up below `root` ("/").
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import run

CONTAINERS = {"systemd-nspawn", "lxc", "lxc-libvirt", "openvz", "docker", "podman", "rkt", "wsl", "proot", "pouch"}
"""The containers among the answers of systemd-detect-virt(1); "container-other" is one as well."""

STA_UNSYNC = 0x0040
"""adjtimex(2): the clock is not synchronised."""

TIMEX_STATUS_OFFSET = 40
"""Bytes before `status` in struct timex of 64-bit Linux: modes and padding, offset, freq, maxerror, esterror."""


def operating_system(root: Path) -> dict[str, str]:
    """From /etc/os-release, with the machine's architecture as `uname -m` says it."""
    lines = (root / "etc/os-release").read_text(encoding="utf-8", errors="replace").splitlines()
    values = {
        key: value.strip().strip("'\"") for key, equals, value in (line.partition("=") for line in lines) if equals
    }
    return {
        "id": values.get("ID", ""),
        # Debian testing has no VERSION_ID.
        "version_id": values.get("VERSION_ID", ""),
        "codename": values.get("VERSION_CODENAME", ""),
        "pretty": values.get("PRETTY_NAME", ""),
        "arch": platform.machine(),
    }


def virtualization() -> dict[str, Any]:
    """What systemd-detect-virt says; it ends with 1 where it says "none"."""
    kind = run(["systemd-detect-virt"], accepted=(0, 1)).strip()
    return {"kind": kind, "container": kind in CONTAINERS or kind.startswith("container")}


def memory_mb(root: Path) -> dict[str, int]:
    """Total memory and swap in MiB; where the host is a container with a memory limit, that limit."""
    text = (root / "proc/meminfo").read_text(encoding="ascii")
    sizes = {name: int(kib) // 1024 for name, kib in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}
    total = sizes["MemTotal"]
    limit = root / "sys/fs/cgroup/memory.max"
    if limit.is_file() and (text := limit.read_text(encoding="ascii").strip()).isdecimal():
        total = min(total, int(text) // 2**20)
    return {"total": total, "swap": sizes.get("SwapTotal", 0)}


def cpus() -> int:
    """The CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


def interfaces() -> dict[str, list[str]]:
    """Addresses with prefix length ("10.0.0.1/24"), by network interface."""
    links = json.loads(run(["ip", "-json", "address", "show"]))
    return {
        link["ifname"]: [
            f"{each['local']}/{each['prefixlen']}" for each in link.get("addr_info", []) if "local" in each
        ]
        for link in links
        if "ifname" in link
    }


def clock_synchronized() -> bool:
    """Whether the kernel's clock is kept by a time service, as timedatectl(1) finds it out; asks without setting."""
    if sys.maxsize < 2**32:
        raise ValueError("struct timex is known for 64-bit systems only")
    timex = ctypes.create_string_buffer(512)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.adjtimex(timex) < 0:
        raise OSError(ctypes.get_errno(), "adjtimex failed")
    status = ctypes.c_int.from_buffer(timex, TIMEX_STATUS_OFFSET).value
    return not status & STA_UNSYNC


def glibc() -> str:
    """The version of the C library, such as "2.41": the sort order of text depends on it."""
    return (os.confstr("CS_GNU_LIBC_VERSION") or "").removeprefix("glibc ")


def icu(root: Path) -> str | None:
    """The newest installed version of ICU, such as "76.1"; None where there is none."""
    found = (path.name.partition(".so.")[2] for path in root.glob("usr/lib/*/libicui18n.so.*.*"))
    return max(found, key=lambda version: [int(part) for part in re.findall(r"\d+", version)], default=None)


def sysctls(root: Path, names: Iterable[str]) -> dict[str, str | None]:
    """Kernel settings by name; None for one that this kernel or container does not show."""
    return {name: _sysctl(root / "proc/sys" / name.replace(".", "/")) for name in names}


def _sysctl(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return None


def sysctl_writable(root: Path) -> bool:
    """False in containers, which share the kernel's settings with their host."""
    return os.access(root / "proc/sys/vm/swappiness", os.W_OK)


def transparent_hugepages(root: Path) -> str | None:
    """always, madvise or never: the choice that stands in brackets."""
    text = (root / "sys/kernel/mm/transparent_hugepage/enabled").read_text(encoding="ascii")
    chosen = re.search(r"\[(\w+)\]", text)
    return chosen.group(1) if chosen else None


def watchdog(root: Path) -> bool:
    return (root / "dev/watchdog").is_char_device()


def packages(names: list[str]) -> dict[str, str | None]:
    """Installed versions by package name; None for one that is not installed. One dpkg-query for all."""
    wanted: dict[str, str | None] = dict.fromkeys(names)
    if not names:
        return wanted
    # Exit code 1: some of the names are unknown; the others are answered all the same.
    text = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status} ${Version}\n", "--", *names], accepted=(0, 1))
    for name, status, version in (line.split(" ", 2) for line in text.splitlines() if line.count(" ") == 2):
        if status == "installed" and name in wanted:
            wanted[name] = version
    return wanted


def has_package_lists(root: Path) -> bool:
    """Whether apt knows any package that could be installed; a bare host may never have fetched a list."""
    return any((root / "var/lib/apt/lists").glob("*_Packages*"))


def units(names: list[str]) -> dict[str, dict[str, str | None]]:
    """State of systemd units by the name asked for. One systemctl for all; it answers in the order of the question."""
    shown = _show(names, "LoadState,ActiveState,SubState,UnitFileState")
    return {
        name: {
            "load": block.get("LoadState"),
            "active": block.get("ActiveState"),
            "sub": block.get("SubState"),
            "enabled": block.get("UnitFileState") or None,
        }
        for name, block in shown.items()
    }


def outdated_units(root: Path, read_at_start: Mapping[str, Iterable[str]]) -> list[str]:
    """Active units whose main process has started before one of their files was changed; a missing file is not.

    systemd tells the start in whole seconds, by the host's clock as it was then: who starts in the second of the change
    is taken to have it.
    """
    shown = _show(list(read_at_start), "ActiveState,ExecMainStartTimestamp", "--timestamp=unix")
    started = {
        name: int(block["ExecMainStartTimestamp"].removeprefix("@"))
        for name, block in shown.items()
        if block.get("ActiveState") == "active" and block.get("ExecMainStartTimestamp")
    }
    files = {name: [root / file.lstrip("/") for file in read_at_start[name]] for name in started}
    changed = {name: [int(file.stat().st_mtime) for file in files[name] if file.exists()] for name in started}
    return [name for name in started if max(changed[name], default=0) > started[name]]


def _show(names: list[str], properties: str, *options: str) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    text = run(["systemctl", "show", f"--property={properties}", *options, "--", *names])
    blocks = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in text.strip().split("\n\n")]
    if len(blocks) != len(names):
        raise ValueError(f"systemctl answered {len(blocks)} times to {len(names)} units")
    return dict(zip(names, blocks, strict=True))
