# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each member of a cluster without a leader has, and what would be lost with it. Pure.

What a member has is its log on the last timeline; of a log on an older one only what came before the fork. What was
*acknowledged* is proven to be there where enough voters of the synchronous set are heard: the most advanced of them
has every acknowledged commit, and so has everybody who is as far. So has the leader of before, if it is heard.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.member_status import MemberStatus, Voice
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.store import StoreRecord

SILENT = MemberStatus(state="silent", role="")


@dataclass(frozen=True)
class Standing:
    """One member as a candidate. Bytes and seconds are None where nobody knows.

    `lost_bytes` is how far its usable log is behind the most advanced position known; `lost_seconds_at_most` the age
    of the last commit that it has replayed. `loses_nothing`: every acknowledged commit is proven to be there.
    """

    name: str
    url: str
    state: str
    obstacle: str  # why it cannot lead; empty where it can
    timeline: int | None
    position: int | None
    voter: bool
    lost_bytes: int | None
    lost_seconds_at_most: float | None
    loses_nothing: bool

    @property
    def rank(self) -> tuple[int, int]:
        """More is better. Timelines come before positions, for an older timeline was given up."""
        return self.timeline or 0, -1 if self.position is None else self.position

    def facts(self) -> dict[str, Any]:
        """The member as a module returns it, its position as PostgreSQL writes it."""
        told = asdict(self)
        position = told.pop("position")
        return {**told, "lsn": None if position is None else lsn.show(position)}


@dataclass(frozen=True)
class Situation:
    """What the consensus store knows, what each member said, and when (with its zone)."""

    record: StoreRecord
    voices: tuple[Voice, ...]
    now: datetime

    def ranking(self) -> tuple[Standing, ...]:
        """Every member as a candidate, the best first; those that cannot lead come last."""
        standings = [self._standing(voice) for voice in self.voices]
        return tuple(sorted(standings, key=lambda s: (bool(s.obstacle), -s.rank[0], -s.rank[1], not s.voter, s.name)))

    @property
    def timeline(self) -> int:
        """The last timeline that anybody knows of."""
        return max([self.record.timeline, *(status.timeline or 0 for status in self._heard().values())])

    def heard_voters(self) -> tuple[str, ...]:
        """The voters that follow the last timeline and said how far they are."""
        return tuple(name for name in self.record.voters if self._positions([name]))

    def proven(self) -> int | None:
        """A position that no acknowledged commit lies beyond; None where too few were heard to know one.

        On a timeline that the store has not seen yet, its voters are those of an earlier leader, and prove nothing.
        """
        if self.record.voters_of is None or self.timeline != self.record.timeline:
            return None
        bounds = self._positions([self.record.voters_of])
        voted = self._positions(self.heard_voters())
        if len(voted) >= self.record.answers_needed:
            bounds.append(max(voted))
        return min(bounds, default=None)

    def _standing(self, voice: Voice) -> Standing:
        status = voice.status or SILENT
        kept, proven = self._kept(status), self.proven()
        sure = kept is not None and proven is not None and kept >= proven
        return Standing(
            name=voice.name,
            url=voice.url,
            state=status.state,
            obstacle=_obstacle(voice),
            timeline=status.timeline,
            position=status.lsn,
            voter=voice.name in self.record.voters,
            lost_bytes=None if kept is None else max(self._furthest() - kept, 0),
            lost_seconds_at_most=0.0 if sure else self._age_of_last_commit(status),
            loses_nothing=sure,
        )

    def _kept(self, status: MemberStatus) -> int | None:
        """Up to where the member's log is part of the last timeline; None where that cannot be told."""
        if status.lsn is None or status.timeline == self.timeline:
            return status.lsn
        forks = [end.lsn for end in self.record.history if end.timeline == status.timeline]
        return min(status.lsn, *forks) if forks else None

    def _furthest(self) -> int:
        """The most advanced position on the last timeline that is known to have been written."""
        return max([self.record.last_lsn or 0, *self._positions(self._heard())])

    def _age_of_last_commit(self, status: MemberStatus) -> float | None:
        return max((self.now - status.replayed_at).total_seconds(), 0.0) if status.replayed_at else None

    def _positions(self, names: Iterable[str]) -> list[int]:
        """How far those of the named are that follow the last timeline."""
        statuses = [status for name in names if (status := self._heard().get(name))]
        return [s.lsn for s in statuses if s.timeline == self.timeline and s.lsn is not None]

    def _heard(self) -> dict[str, MemberStatus]:
        return {voice.name: voice.status for voice in self.voices if voice.status}


def _obstacle(voice: Voice) -> str:
    """Why Patroni would not make it the leader, or nobody could say what that costs."""
    status = voice.status
    if status is None:
        return f"its Patroni does not answer: {voice.reason}"
    if not status.is_running:
        return f"its PostgreSQL is {status.state}"
    if status.tags.get("nofailover") is True or status.tags.get("failover_priority") in (0, "0"):
        return "its tags forbid it to lead"
    if status.watchdog_failed:
        return "its watchdog does not work"
    return "" if status.lsn is not None else "it does not say how far its log reaches"
