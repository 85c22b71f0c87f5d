# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fault on this host: put in, with a timer that undoes it whatever becomes of whoever put it in, and undone."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from shutil import which

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import dead_man
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import CommandError, complete, run
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    Refused,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fault.note import Note
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fault.signs import is_seen
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.host_fault import PATRONI, Means
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until

TIMER = "matriarch-fault"
NOTE = Path("/run/matriarch/fault.json")
ACTING = 30.0
"""Seconds in which a fault must be seen to act; a leader that stops in order writes what it has in memory first."""
STARTING = 60.0


def refuse(means: Means) -> None:
    """Raises Refused where it cannot be put in, and nothing has happened."""
    if dead_man.is_armed(TIMER):
        raise Refused(f"another fault is in on this host. Next: wait until it is undone, systemctl list-timers {TIMER}")
    program = means.inject[0]
    if which(program) is None:
        package = {"nft": "nftables"}.get(program, program)
        raise Refused(f"this host has no program {program!r}. Next, there: apt-get install {package}")
    if "0" in means.subjects:
        raise Refused("what shall be broken does not run on this host. Next: ansible-playbook status.yml")


def inject(fault: str, means: Means, heal_after: float) -> None:
    """Put it in and see it act. Raises MatriarchError; what was put in is undone then."""
    if means.heal:
        dead_man.arm(TIMER, heal_after, list(means.heal), means.healed)
    Note(fault, means.heal, means.healed).write(NOTE)
    try:
        _told(means.inject, (0,))
        outcome = wait_until(lambda: _seen(means), bool, seconds=ACTING, interval=0.2)
        if not outcome.reached:
            raise DeadlineExceeded(f"{fault} could not be seen to act within {outcome.seconds:.0f} s; it is undone")
    except MatriarchError:
        with suppress(MatriarchError):  # the timer does it then
            heal()
        raise


def noted() -> Note | None:
    """What is in, or was until the host undid it by itself; None where nothing was since it has booted."""
    return Note.read(NOTE)


def heal() -> tuple[Note | None, bool]:
    """Undo what is in: what that was, and whether the host had done so by itself. Raises RemoteError.

    Nothing is noted any more where the host has booted since.
    """
    note = noted()
    if note is None:
        return None, False
    alone = bool(note.heal) and not dead_man.is_armed(TIMER)
    if note.heal:
        _told(note.heal, note.healed)
        dead_man.disarm(TIMER)
    NOTE.unlink(missing_ok=True)
    return note, alone


def postmaster(data_directory: str) -> int:
    """The number of PostgreSQL's first process; 0 where none runs."""
    try:
        return int(next(iter((Path(data_directory) / "postmaster.pid").read_text(encoding="utf-8").splitlines()), "0"))
    except (FileNotFoundError, ValueError):
        return 0


def patroni() -> int:
    """The number of Patroni's process; 0 where it does not run. Raises RemoteError."""
    try:
        return int(run(["systemctl", "show", "--property=MainPID", "--value", PATRONI]).strip() or 0)
    except (CommandError, OSError) as error:
        raise RemoteError(f"looking for Patroni: {error}", reason=str(error)) from error


def _seen(means: Means) -> bool:
    try:
        return is_seen(means)
    except (CommandError, OSError, ValueError, KeyError) as error:
        raise RemoteError(f"looking whether the fault acts: {error}", reason=str(error)) from error


def _told(command: Iterable[str], accepted: tuple[int, ...]) -> None:
    argv = list(command)
    try:
        done = complete(argv, seconds=STARTING)
    except (CommandError, OSError) as error:
        raise RemoteError(f"{' '.join(argv)}: {error}", reason=str(error)) from error
    if done.returncode not in accepted:
        raise RemoteError(f"{' '.join(argv)}: {done.stderr.strip()}", reason=done.stderr.strip())
