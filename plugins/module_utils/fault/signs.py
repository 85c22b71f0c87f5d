# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a fault can be seen to act: one that cannot proves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import run
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.host_fault import (
    BOOTED,
    DROPPED,
    INACTIVE,
    KILLED,
    STOPPED,
    TABLE,
    Means,
)

PROC = Path("/proc")
NO_UNIT_IS_ACTIVE = (3, 4)  # exit codes of systemctl is-active, the second one from where a unit is not known


def is_seen(means: Means) -> bool:
    """Raises CommandError and OSError. A boot is only seen by whoever comes back after it."""
    look: dict[str, Callable[[], bool]] = {
        KILLED: lambda: state(means.subjects[0]) in ("", "Z", "X"),
        STOPPED: lambda: state(means.subjects[0]) == "T",
        INACTIVE: lambda: all_inactive(means.subjects),
        DROPPED: lambda: dropped() > 0,
        BOOTED: lambda: True,
    }
    return look[means.sign]()


def state(pid: str, proc: Path = PROC) -> str:
    """A process's state, as proc_pid_stat(5) has it after the name in brackets; empty where there is no process."""
    try:
        return (proc / pid / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def all_inactive(units: tuple[str, ...]) -> bool:
    states = run(["systemctl", "is-active", *units], accepted=(0, *NO_UNIT_IS_ACTIVE)).split()
    return not {"active", "deactivating", "activating", "reloading"} & set(states)


def dropped() -> int:
    """How many packets were dropped so far."""
    listed = json.loads(run(["nft", "--json", "list", "table", "inet", TABLE]))["nftables"]
    parts = [part for item in listed for part in item.get("rule", {}).get("expr", [])]
    return sum(int(part["counter"]["packets"]) for part in parts if "counter" in part)
