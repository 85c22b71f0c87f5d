# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service of systemd that exists only while it runs: work that outlives whoever began it. systemd 252 and newer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import READING, CommandError, complete
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused, RemoteError

UNIT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@-]*")
NOT_LOADED = 5  # exit code of systemctl stop and reset-failed for a unit that does not exist (any more)
LONGEST_STOP = 300.0
"""Seconds; a PostgreSQL that stops writes what it has in memory first."""


@dataclass(frozen=True)
class Work:
    """What shall run: as whom, and the file that its output replaces."""

    unit: str
    command: list[str]
    user: str
    log: str
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """How it stands: `runs`, and where it does not, with which status it ended (0: well, or it never was)."""

    runs: bool
    status: int = 0
    result: str = "success"


def start(work: Work) -> None:
    """Have systemd run it; what is left of a failed one before it goes. Raises RemoteError, also where it runs already.

    The command's words reach it as they are: no word is expanded by systemd.
    """
    name = _checked(work.unit)
    _systemd(["systemctl", "reset-failed", f"{name}.service"], f"clearing {name}", accepted=(0, 1, NOT_LOADED))
    properties = {
        "Type": "exec",
        "StandardOutput": f"truncate:{work.log}",
        "StandardError": f"append:{work.log}",
        "TimeoutStopSec": str(round(LONGEST_STOP)),
        **work.properties,
    }
    told = [f"--property={key}={value}" for key, value in properties.items()]
    command = [word.replace("$", "$$") for word in work.command]  # systemd would put variables in
    _systemd(
        ["systemd-run", "--quiet", f"--unit={name}", f"--uid={work.user}", *told, "--", *command], f"starting {name}"
    )


def state(unit: str) -> State:
    """How it stands. Raises RemoteError."""
    name = _checked(unit)
    wanted = "ActiveState,Result,ExecMainStatus"
    told = _systemd(["systemctl", "show", f"--property={wanted}", f"{name}.service"], f"looking for {name}")
    found = dict(line.partition("=")[::2] for line in told.splitlines())
    runs = found.get("ActiveState") in ("active", "activating", "deactivating", "reloading")
    return State(runs, int(found.get("ExecMainStatus") or 0), found.get("Result") or "success")


def stop(unit: str) -> None:
    """End it, and wait until it has; nothing to do is success. Raises RemoteError."""
    name = _checked(unit)
    _systemd(
        ["systemctl", "stop", f"{name}.service"], f"stopping {name}", accepted=(0, NOT_LOADED), seconds=LONGEST_STOP
    )


def _systemd(command: list[str], asked: str, accepted: tuple[int, ...] = (0,), seconds: float = READING) -> str:
    try:
        done = complete(command, seconds=seconds)
    except (CommandError, OSError, ValueError) as error:
        raise RemoteError(f"{asked}: {error}", reason=str(error)) from error
    if done.returncode not in accepted:
        reason = f"{command[0]} ended with exit code {done.returncode}: {done.stderr.strip()}"
        raise RemoteError(f"{asked}: {reason}", reason=reason)
    return done.stdout


def _checked(unit: str) -> str:
    if not UNIT.fullmatch(unit):
        raise Refused(f"{unit!r} cannot be the name of a unit: letters, digits and _ . : @ - can")
    return unit
