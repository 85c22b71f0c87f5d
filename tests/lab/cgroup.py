# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cgroup v2 directory per host: killing or freezing it is one atomic act on the whole process tree."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError
from .host import Host
from .shell import wait_until
from .subnet import Subnet

DEADLINE = 10.0  # seconds

JOIN = 'echo $$ > "$0"/cgroup.procs'  # in a shell whose $0 is the group


@dataclass(frozen=True)
class Group:
    path: Path

    def create(self) -> None:
        """An empty group; what systemd left below it before a power cut is removed."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._remove_children()

    def populated(self) -> bool:
        """Whether any process lives in it, of one moment: systemd moves its own about while it boots."""
        return "populated 1" in self._events()

    def pids(self) -> list[int]:
        """All of them that stay where they are meanwhile."""
        found: list[int] = []
        for folder, _below, _files in os.walk(self.path):
            try:
                found += map(int, Path(folder, "cgroup.procs").read_text().split())
            except OSError:  # the group went away while we looked
                continue
        return found

    def enclose(self, command: Sequence[str]) -> list[str]:
        """The command as a background process that is in the group before it starts, as is all it starts."""
        return ["sh", "-c", f'{JOIN} && exec setsid --fork "$@"', str(self.path), *command]

    def enclose_again(self, command: Sequence[str], exit_code: int) -> list[str]:
        """The same for a command that is started again when it ends with this exit code, from outside of the group."""
        loop = f"""while sh -c '{JOIN} && exec "$@"' "$0" "$@"; [ $? -eq {exit_code} ]; do :; done"""
        return ["setsid", "--fork", "sh", "-c", loop, str(self.path), *command]

    def init(self) -> int | None:
        """Process 1 of the host, as this machine numbers it."""
        return next((pid for pid in self.pids() if _is_init(pid)), None)

    def kill(self) -> None:
        """End every process at once and see that none is left."""
        if not self.path.exists():
            return
        self._write("cgroup.kill", "1")
        self._write("cgroup.freeze", "0")
        if not wait_until(lambda: not self.populated(), DEADLINE):
            left = " ".join(map(str, self.pids()))
            raise LabError(f"{self.path}: cgroup.kill left {left} alive for {DEADLINE:.0f} s; see /proc/PID/stack")

    def frozen(self) -> bool:
        return "frozen 1" in self._events()

    def freeze(self, wanted: bool) -> None:
        """Stop or resume every process and see that the kernel has done so."""
        self._write("cgroup.freeze", str(int(wanted)))
        if not wait_until(lambda: self.frozen() == wanted, DEADLINE):
            said = self._events().split()
            wish = f"frozen {int(wanted)}"
            raise LabError(f"{self.path}: asked for {wish}, {DEADLINE:.0f} s later it says {said}; thaw and try again")

    def remove(self) -> None:
        if self.path.exists():
            self._remove_children()
            _vanish(self.path)

    def _remove_children(self) -> None:
        for folder, below, _files in os.walk(self.path, topdown=False):
            for child in below:
                _vanish(Path(folder, child))

    def _events(self) -> str:
        """What the kernel says of the group and of all below it; nothing where there is no group."""
        try:
            return (self.path / "cgroup.events").read_text()
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENODEV):
                raise
            return ""

    def _write(self, name: str, value: str) -> None:
        (self.path / name).write_text(value)


def of_lab(subnet: Subnet) -> Group:
    return Group(_mount_point() / "matriarch-lab" / subnet.bridge)


def of_host(host: Host) -> Group:
    return Group(of_lab(host.subnet).path / host.name)


def remove_top() -> None:
    """Remove the directory that all labs share once none is left."""
    top = _mount_point() / "matriarch-lab"
    if top.exists() and not any(path.is_dir() for path in top.iterdir()):
        top.rmdir()


def _vanish(group: Path) -> None:
    """Remove a group. Processes that were killed keep it busy for as long as the kernel takes to bury them."""

    def is_gone() -> bool:
        try:
            group.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            return False
        return True

    if not wait_until(is_gone, DEADLINE):
        raise LabError(f"{group}: still busy {DEADLINE:.0f} s after its processes were killed; see cgroup.procs there")


def _mount_point() -> Path:
    """Where cgroup v2 is: at the top, or below unified/ in the hybrid layout."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _device, point, kind, *_rest = line.split()
        if kind == "cgroup2":
            return Path(point)
    raise LabError("/proc/self/mounts shows no cgroup v2; mount one: mount -t cgroup2 none /sys/fs/cgroup/unified")


def _is_init(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    # Two numbers: this machine's and, one process namespace below, 1.
    return re.search(r"^NSpid:\t\d+\t1$", status, re.MULTILINE) is not None
