# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A transient timer of systemd that does something unless it is stopped in time: a dead man's switch.

It outlives whoever armed it, and needs nobody: not the control node, not the network. Where its command fails, it is
tried again: what it speaks to may be away at that moment. systemd 252 and newer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import (
    READING,
    CommandError,
    complete,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused, RemoteError

UNIT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@-]*")
"""Names that mean one unit and nothing else; systemctl would take `*` and `?` for a pattern."""

NOT_LOADED = 5  # exit code of systemctl stop for a unit that does not exist (any more)

# Of the service: an hour at least, and longer where the command itself takes its time to fail. systemd.service(5).
TRIED_AGAIN = {
    "Restart": "on-failure",
    "RestartSec": "5s",
    "StartLimitIntervalSec": "1d",
    "StartLimitBurst": "1000",
}


def arm(unit: str, seconds: float, command: list[str], done: Sequence[int] = ()) -> None:
    """Have systemd run *command* after so many seconds. Armed already, it is armed anew: the time starts again.

    *done* are the exit codes, besides 0, that say that nothing is left to do.
    Between the old timer and the new one there is none for some hundredths of a second. A command that ends with an
    error is run again, so it has to be one that does no harm when it is run twice. Timer and service are gone
    afterwards. Raises RemoteError.
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
            *(f"--property={name}={value}" for name, value in TRIED_AGAIN.items()),
            *(f"--property=SuccessExitStatus={code}" for code in done if code),
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
    """Whether the timer runs, or its command does, or is to be run again. Raises RemoteError.

    systemctl is-active says no of a service that waits for its next attempt.
    """
    name = _checked(unit)
    told = _systemd(
        ["systemctl", "show", "--property=ActiveState", f"{name}.timer", f"{name}.service"], f"looking for {unit}"
    )
    states = {line.partition("=")[2] for line in told.splitlines() if line}
    return bool(states - {"inactive", "failed"})


def _systemd(command: list[str], asked: str, accepted: tuple[int, ...] = (0,)) -> str:
    """What it prints, when its exit code is one of the accepted."""
    try:
        done = complete(command, seconds=READING)
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
