# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a member may have the leader's host fenced now, or why it must not. Pure.

Fencing needs no suspicion to be right, for the command itself proves that the power is off. But it costs a cluster its
leader, so it is not done by somebody who alone hears nothing of it, nor while people work on the cluster by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

LARGEST_PAUSE = 3.0
"""Seconds between two looks beyond which nobody knows what happened meanwhile: this host may have stood still."""


@dataclass(frozen=True)
class Silence:
    """For how long nothing on the host of `whom` has answered: from the begin of the first look to the end of the last.

    Times are seconds since boot, sleep included.
    """

    whom: str = ""
    since: float | None = None
    until: float = 0.0

    def after(self, whom: str, began: float, ended: float, answered: bool) -> Silence:
        """With one more look, at whoever leads now."""
        is_new = whom != self.whom or self.since is None or began - self.until > LARGEST_PAUSE
        if answered:
            return Silence(whom)
        return Silence(whom, began, ended) if is_new else replace(self, until=ended)

    @property
    def seconds(self) -> float:
        return 0.0 if self.since is None else self.until - self.since


@dataclass(frozen=True)
class View:
    """What one member sees. etcd has told it with its majority who leads, and whether Patroni is paused.

    `is_said`: whether it has said in etcd that the leader's host is silent, and has looked once more since. `others`:
    how many members there are besides the leader and itself, and `others_suspecting` how many of them say the same now.
    `fencer`: who is at it already, or was without success a short while ago.
    """

    member: str
    members: tuple[str, ...]
    leader: str
    paused: bool = False
    silent_seconds: float = 0.0
    is_said: bool = False
    others: int = 0
    others_suspecting: int = 0
    fencer: str = ""


def objection(view: View, suspect_seconds: float) -> str:
    """Why the leader's host must not be fenced by this member now; empty where it may."""
    if not view.leader:
        return "nobody leads"
    if view.leader == view.member:
        return "this member leads"
    if view.leader not in view.members:
        return f"{view.leader} is no member that the inventory knows"
    if view.silent_seconds < suspect_seconds:
        return f"{view.leader} has been silent for {view.silent_seconds:.1f} of {suspect_seconds:.1f} s"
    if view.paused:
        return "Patroni is paused"
    if not view.is_said:
        return "nobody has looked since etcd answers: this member may have been cut off itself"
    if 2 * view.others_suspecting <= view.others and view.others:
        return f"only {view.others_suspecting} of {view.others} other members find {view.leader} silent as well"
    if view.fencer:
        return f"{view.fencer} is at it, or was in vain"
    return ""
