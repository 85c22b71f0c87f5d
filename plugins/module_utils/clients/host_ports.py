# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens on which TCP port of this host, from /proc alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

LISTEN = "0A"
"""The state of a listening socket in /proc/net/tcp (TCP_LISTEN of the kernel's tcp_states.h)."""

LOOKS = 3
"""How often an owner is looked for: a service that starts again meanwhile has left the socket that was found."""


@dataclass(frozen=True)
class Listener:
    port: int
    address: str
    inode: str


def owners(root: Path, ports: Collection[int]) -> dict[str, dict[str, Any] | None]:
    """Who listens on each of the ports, by the port's digits; None for a free one.

    The process table is read only when one of the ports is taken. Processes are unknown (None) where /proc hides them.
    """
    found, processes = _look_until_known(root, ports)
    answer: dict[str, dict[str, Any] | None] = {str(port): None for port in ports}
    for listener in found:
        entry = answer[str(listener.port)] or {"addresses": [], "pid": None, "process": None, "unit": None}
        entry["addresses"].append(listener.address)
        pid = processes.get(listener.inode)
        if entry["pid"] is None and pid is not None:
            entry |= {"pid": pid, "process": _name(root, pid), "unit": _unit(root, pid)}
        answer[str(listener.port)] = entry
    return answer


def _look_until_known(root: Path, ports: Collection[int]) -> tuple[list[Listener], dict[str, int]]:
    """The last look of at most `LOOKS`, the first that knows the owner of every socket."""
    found, processes = _look(root, ports)
    for _again in range(LOOKS - 1):
        if len(processes) == len({listener.inode for listener in found}):
            break
        found, processes = _look(root, ports)
    return found, processes


def _look(root: Path, ports: Collection[int]) -> tuple[list[Listener], dict[str, int]]:
    """Who listens on the ports, and the processes that hold the sockets."""
    found = [listener for listener in listeners(root) if listener.port in ports]
    return found, _processes(root, {listener.inode for listener in found}) if found else {}


def listeners(root: Path) -> Iterator[Listener]:
    """All listening TCP sockets of this network namespace. A host without IPv6 has no tcp6 table."""
    for table in ("tcp", "tcp6"):
        path = root / "proc/net" / table
        if path.exists():
            for line in path.read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if len(fields) > 9 and fields[3] == LISTEN:
                    address, _colon, port = fields[1].rpartition(":")
                    yield Listener(int(port, 16), _address(address), fields[9])


def _address(text: str) -> str:
    """The kernel prints an address as 32-bit words, each in the byte order of the (little-endian) machine."""
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    return str(IPv4Address(words[0]) if len(words) == 1 else IPv6Address(b"".join(words)))


def _processes(root: Path, inodes: Collection[str]) -> dict[str, int]:
    """The first (oldest) process that holds each socket."""
    sockets = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[str, int] = {}
    for pid in sorted(int(path.name) for path in (root / "proc").iterdir() if path.name.isdecimal()):
        for inode in _held(root / "proc" / str(pid) / "fd", sockets):
            found.setdefault(inode, pid)
        if len(found) == len(inodes):
            break
    return found


def _held(descriptors: Path, sockets: dict[str, str]) -> Iterator[str]:
    try:
        names = list(descriptors.iterdir())
    except OSError:
        # The process ended while we looked, or is not ours to look at.
        return
    for descriptor in names:
        # It may have closed this one while we looked, and holds the others all the same.
        with suppress(OSError):
            inode = sockets.get(str(descriptor.readlink()))
            if inode is not None:
                yield inode


def _name(root: Path, pid: int) -> str | None:
    return _text(root / "proc" / str(pid) / "comm") or None


def _unit(root: Path, pid: int) -> str | None:
    """The systemd unit of a process: the last part of its control group that is a service, scope or socket."""
    units = re.findall(r"[^/\n]+\.(?:service|scope)(?=/|$)", _text(root / "proc" / str(pid) / "cgroup"), re.MULTILINE)
    return units[-1] if units else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
