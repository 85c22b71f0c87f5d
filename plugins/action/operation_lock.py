# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell the module operation_lock which run of Ansible this is, and do not wait for the lock of one that is dead.

Runs on the control node, in a worker process that the run's own process has forked.
"""

from __future__ import annotations

import getpass
import os
import platform
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.operation import Holder

PROC = Path("/proc")


def this_run() -> Holder:
    """The run whose worker this is; started at 0 and of no boot where the system does not tell (not Linux)."""
    pid = os.getppid()
    return Holder(
        who=user(),
        host=platform.node(),
        pid=pid,
        started=started(pid) or 0,
        boot_id=read(PROC / "sys/kernel/random/boot_id"),
        namespace=namespace(),
    )


def user() -> str:
    """Who called; the person behind sudo, and the number of a user that has no name."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def is_dead(holder: Holder, here: Holder) -> bool:
    """True when the holder was a process of this very boot and namespace, and is proven to run no more."""
    places = [(h.host, h.boot_id, h.namespace) for h in (holder, here)]
    if places[0] != places[1] or not all(places[0]) or holder.pid <= 0 or not holder.started:
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        # A process of another user, which /proc may hide as well.
        pass
    now = started(holder.pid)
    return now is not None and now != holder.started


def started(pid: int) -> int | None:
    """When a process started, in clock ticks since the boot; 0 for one that has died and only waits for its parent.

    None where the system does not tell. See proc_pid_stat(5): the name, in brackets, may hold any character.
    """
    _pid, bracket, fields = read(PROC / str(pid) / "stat").rpartition(")")
    if not bracket:
        return None
    values = fields.split()
    return 0 if values[0] in ("Z", "X") else int(values[19])


def namespace() -> str:
    """What tells the process ids of one container from those of another."""
    try:
        return str((PROC / "self/ns/pid").readlink())
    except OSError:
        return ""


def read(path: Path) -> str:
    """A file's text, empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


class ActionModule(ActionBase):  # type: ignore[misc]
    """The action operation_lock."""

    MODULE = "matriarch.pgcluster.operation_lock"

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module as this run; a second time to take over the lock of a dead one."""
        super().run(tmp, task_vars)
        here = this_run()
        arguments = {"holder": here.facts(), **self._task.args}
        result = self._module(arguments, task_vars)
        held_by = result.get("held_by")
        if held_by and died(held_by, here):
            result = self._module({**arguments, "takeover_revision": held_by["revision"]}, task_vars)
        return result

    def _module(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        told = {"module_name": self.MODULE, "module_args": arguments}
        result: dict[str, Any] = self._execute_module(**told, task_vars=task_vars)
        return result


def died(held_by: dict[str, Any], here: Holder) -> bool:
    """True when the run that holds the lock is proven dead; one that etcd tells nothing sensible of is not."""
    try:
        return is_dead(Holder.from_json(held_by["holder"]), here)
    except ValueError:
        return False
