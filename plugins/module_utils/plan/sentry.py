# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a member whose disk hangs may end its own leadership now, or why it must not. Pure.

It costs the cluster a failover, so a disk that is only slow is left alone. And it must cost no acknowledged commit, so
there has to be a standby that is known to have all of them, and is there to take over.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

LONGEST_TICK = 0.5
"""Seconds of one look that count at most: a host that stood still itself has not waited for its disk."""


@dataclass(frozen=True)
class Stillness:
    """For how long the write that is under way has been stuck in the kernel: `seconds`, as far as `at`.

    Only looks count at which it was seen stuck. One that waits for the processor is late, and its disk may be well.
    """

    at: float
    seconds: float = 0.0

    def after(self, at: float, returned: bool, stuck: bool) -> Stillness:
        """With one more look; times are seconds since boot, sleep included."""
        if returned:
            return Stillness(at)
        waited = min(max(0.0, at - self.at), LONGEST_TICK) if stuck else 0.0
        return replace(self, at=at, seconds=self.seconds + waited)


@dataclass(frozen=True)
class SyncSet:
    """Whom Patroni holds to have every acknowledged commit, as its key `sync` tells.

    Of the `standbys`, `needed` have to be there for Patroni to find one among them that has all.
    """

    leader: str = ""
    standbys: tuple[str, ...] = ()
    needed: int = 1

    @classmethod
    def parse(cls, text: str) -> SyncSet:
        """From the key; empty where it says nothing that can be understood."""
        try:
            told = json.loads(text)
            names = [name.strip() for name in (told.get("sync_standby") or "").split(",")]
            return cls(told.get("leader") or "", tuple(filter(None, names)), int(told.get("quorum") or 0) + 1)
        except (AttributeError, TypeError, ValueError):
            return cls()


@dataclass(frozen=True)
class View:
    """What one member sees of the cluster, as etcd has told with its majority, and the standbys themselves.

    `strays`: whether PostgreSQL runs where Patroni's unit does not hold it, so that nobody could prove its end; None
    where that is not known.
    """

    member: str
    leader: str
    paused: bool
    sync: SyncSet
    fit: Collection[str]
    strays: bool | None = False


def objection(view: View) -> str:
    """Why this member must not end its own leadership; empty where it may."""
    if not view.leader:
        return "nobody leads"
    if view.leader != view.member:
        return f"{view.leader} leads"
    if view.paused:
        return "Patroni is paused"
    if view.strays is None:
        return "it is not known whether PostgreSQL runs in patroni.service: the disk has hung since the sentry started"
    if view.strays:
        return "PostgreSQL runs outside of patroni.service"
    if view.sync.leader != view.member or not view.sync.standbys:
        return "no standby is known to have everything that was acknowledged"
    fit = [name for name in view.sync.standbys if name in view.fit]
    if len(fit) < view.sync.needed:
        return f"of {', '.join(view.sync.standbys)} too few are fit to take over ({len(fit)} of {view.sync.needed})"
    return ""


def is_fit(told: Mapping[str, Any], streaming: bool) -> bool:
    """Whether a member may take over, by what its own Patroni tells at /patroni.

    `streaming`: whether it has to receive from the leader now. Older Patronis do not tell.
    """
    tags = told.get("tags")
    tags = tags if isinstance(tags, Mapping) else {}
    return (
        told.get("state") in ("running", "streaming")
        and told.get("role") in ("replica", "sync_standby", "quorum_standby")
        and (not streaming or told.get("replication_state") in (None, "streaming"))
        and not told.get("pause")
        and not tags.get("nofailover")
        and tags.get("failover_priority") != 0
    )
