# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A transient timer of systemd that does something unless it is stopped in time: a dead man's switch.

It outlives whoever armed it, and needs nobody: not the control node, not the network. systemd 252 and newer.
"""

from __future__ import annotations

import re

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import (
    READING,
    CommandError,
    complete,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused, RemoteError

UNIT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@-]*")
"""Names that mean one unit and nothing else; systemctl would take `*` and `?` for a pattern."""

INACTIVE = 3  # exit codes of systemctl is-active: LSB's "program is not running"
UNKNOWN = 4  # "no such unit"
NOT_LOADED = 5  # exit code of systemctl stop for a unit that does not exist (any more)


def arm(unit: str, seconds: float, command: list[str]) -> None:
    """Have systemd run *command* after so many seconds. Armed already, it is armed anew: the time starts again.

    Between the old timer and the new one there is none for some hundredths of a second. A timer that fires is gone
    afterwards, and so is its service, even when the command fails. Raises RemoteError.
    """
    disarm(unit)
    _systemd(
        [
            "systemd-run",
            "--quiet",
            "--collect",
            f"--unit={unit}",
            f"--on-active={round(seconds * 1000)}ms",
            "--timer-property=AccuracySec=100ms",
            "--",
            *command,
        ],
        f"arming {unit}",
    )


def disarm(unit: str) -> None:
    """Take the timer away, and end its command if it runs just now; nothing to do is success. Raises RemoteError."""
    name = _checked(unit)
    _systemd(["systemctl", "stop", f"{name}.timer", f"{name}.service"], f"disarming {unit}", accepted=(0, NOT_LOADED))


def is_armed(unit: str) -> bool:
    """Whether the timer runs. Raises RemoteError."""
    command = ["systemctl", "is-active", "--quiet", f"{_checked(unit)}.timer"]
    return _systemd(command, f"looking for {unit}", accepted=(0, INACTIVE, UNKNOWN)) == 0


def _systemd(command: list[str], asked: str, accepted: tuple[int, ...] = (0,)) -> int:
    """The exit code, when it is one of the accepted."""
    try:
        done = complete(command, seconds=READING)
    except (CommandError, OSError, ValueError) as error:
        raise RemoteError(f"{asked}: {error}", reason=str(error)) from error
    if done.returncode not in accepted:
        reason = f"{command[0]} ended with exit code {done.returncode}: {done.stderr.strip()}"
        raise RemoteError(f"{asked}: {reason}", reason=reason)
    return done.returncode


def _checked(unit: str) -> str:
    if not UNIT.fullmatch(unit):
        raise Refused(f"{unit!r} cannot be the name of a unit: letters, digits and _ . : @ - can")
    return unit
