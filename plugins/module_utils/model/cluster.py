# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Patroni cluster at one moment, as GET /cluster and GET /history tell it. Immutable; parsed once, here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn as positions

LEADER_ROLES = frozenset({"leader", "standby_leader"})
UP_STATES = frozenset({"running", "streaming"})
FROM_ARCHIVE = "in archive recovery"  # all that the leader of a standby cluster may have; a replica shall stream
CLONED = "creating replica"  # from the leader or a backup, and as long as that takes
SYNCHRONOUS_ROLES = frozenset({"sync_standby", "quorum_standby"})


@dataclass(frozen=True)
class Member:
    """One member. Lags are in bytes behind the leader, None where unknown or not told (the leader itself, old Patroni).

    Patroni knows no lag in time: `lag_seconds` stays None until it is taken from the member's own host.
    `role`: leader, standby_leader, sync_standby, quorum_standby or replica. `state`: running; streaming and "in archive
    recovery" for replicas of Patroni 3.2 and newer (older ones say running); starting, stopped, crashed, "start failed"
    and the like.
    """

    name: str
    role: str
    state: str
    host: str | None = None
    port: int | None = None
    api_url: str | None = None
    timeline: int | None = None
    lag_bytes: int | None = None
    receive_lag_bytes: int | None = None
    replay_lag_bytes: int | None = None
    lag_seconds: float | None = None
    pending_restart: bool = False
    pending_restart_reason: Mapping[str, Any] = field(default_factory=dict)
    scheduled_restart: str | None = None
    tags: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: object) -> Member:
        """Parse one entry of `members`. Raises ValueError when it names no member."""
        if not isinstance(data, Mapping) or not isinstance(data.get("name"), str) or not data["name"]:
            raise ValueError(f"a member without a name: {data!r}")
        return cls(
            name=data["name"],
            role=_text(data.get("role")) or "replica",
            state=_text(data.get("state")) or "unknown",
            host=_text(data.get("host")),
            port=_whole(data.get("port")),
            api_url=_text(data.get("api_url")),
            timeline=_whole(data.get("timeline")),
            lag_bytes=_whole(data.get("lag")),
            receive_lag_bytes=_whole(data.get("receive_lag")),
            replay_lag_bytes=_whole(data.get("replay_lag")),
            pending_restart=data.get("pending_restart") is True,
            pending_restart_reason=_mapping(data.get("pending_restart_reason")),
            scheduled_restart=_text(_mapping(data.get("scheduled_restart")).get("schedule")),
            tags=_mapping(data.get("tags")),
        )

    @property
    def is_leader(self) -> bool:
        """True for the leader of a cluster and of a standby cluster."""
        return self.role in LEADER_ROLES

    @property
    def is_synchronous(self) -> bool:
        """True when commits wait for this member, alone or as one of a quorum."""
        return self.role in SYNCHRONOUS_ROLES

    @property
    def is_up(self) -> bool:
        """True when its PostgreSQL serves, and streams if it is a replica."""
        return self.state in UP_STATES or (self.role, self.state) == ("standby_leader", FROM_ARCHIVE)

    @property
    def worst_lag_bytes(self) -> int:
        """The largest lag that is told of it; 0 where none is."""
        lags = (self.lag_bytes, self.receive_lag_bytes, self.replay_lag_bytes)
        return max((lag for lag in lags if lag is not None), default=0)

    @property
    def described(self) -> str:
        """The member in a few words, for messages."""
        timeline = f", timeline {self.timeline}" if self.timeline else ""
        return f"{self.name} ({self.role}{timeline}) is {self.state}"


@dataclass(frozen=True)
class TimelineEnd:
    """Where a timeline ended, and who led the next one; the last two are None where nobody noted them."""

    timeline: int
    lsn: int
    reason: str
    timestamp: str | None = None
    new_leader: str | None = None

    @classmethod
    def all_from_json(cls, data: object) -> tuple[TimelineEnd, ...]:
        """Parse the answer to GET /history, the oldest first. Raises ValueError when it is something else.

        Each end is a list of timeline, LSN as a number of bytes, reason, and, since somebody watched, time and leader.
        """
        if not isinstance(data, list):
            raise ValueError("the answer is no list of timelines")
        return tuple(cls._from_line(line) for line in data)

    @classmethod
    def _from_line(cls, line: object) -> TimelineEnd:
        if not isinstance(line, list) or len(line) < 3:
            raise ValueError(f"this is no end of a timeline: {line!r}")
        timeline, lsn, reason, timestamp, new_leader = [*line, None, None][:5]
        if _whole(timeline) is None or _whole(lsn) is None:
            raise ValueError(f"this is no end of a timeline: {line!r}")
        return cls(timeline, lsn, _text(reason) or "", _text(timestamp), _text(new_leader))

    def facts(self) -> dict[str, Any]:
        """The end as a module returns it, its LSN as PostgreSQL writes it."""
        return {**asdict(self), "lsn": positions.show(self.lsn)}


@dataclass(frozen=True)
class ClusterState:
    """All members, by name, whether Patroni is paused, what is scheduled, and how the timelines before ended.

    `scheduled_switchover` has `at` (ISO 8601), and `from` and `to`, which are None where that was not said.
    """

    name: str
    members: tuple[Member, ...]
    paused: bool = False
    scheduled_switchover: Mapping[str, str | None] | None = None
    history: tuple[TimelineEnd, ...] = ()

    @classmethod
    def from_json(cls, data: object) -> ClusterState:
        """Parse the answer to GET /cluster. Raises ValueError when it is something else, or names a member twice."""
        if not isinstance(data, Mapping) or not isinstance(data.get("members"), list):
            raise ValueError("the answer has no list of members")
        members = tuple(sorted((Member.from_json(m) for m in data["members"]), key=lambda m: m.name))
        if len({m.name for m in members}) != len(members):
            raise ValueError("the answer names a member twice")
        return cls(
            name=_text(data.get("scope")) or "",
            members=members,
            paused=data.get("pause") is True,
            scheduled_switchover=_scheduled(_mapping(data.get("scheduled_switchover"))),
        )

    @property
    def leader(self) -> Member | None:
        """The member that leads, if one does."""
        return next((m for m in self.members if m.is_leader), None)

    @property
    def timeline(self) -> int | None:
        """The leader's timeline."""
        return self.leader.timeline if self.leader else None

    def member(self, name: str) -> Member | None:
        """The member of that name, if there is one."""
        return next((m for m in self.members if m.name == name), None)

    def cloned(self, expected: Collection[str] = ()) -> tuple[str, ...]:
        """Who of the `expected` (all known ones when none is given) is being made, by name."""
        return tuple(m.name for m in self.members if m.state == CLONED and (not expected or m.name in expected))

    def with_lags_in_seconds(self, seconds: Mapping[str, float | None]) -> ClusterState:
        """The same cluster, with what the standbys' own hosts tell of their lag, by the member's name."""
        lags = {m.name: None if m.is_leader else seconds.get(m.name) for m in self.members}
        return replace(self, members=tuple(replace(m, lag_seconds=lags[m.name]) for m in self.members))

    def problems(self, expected: Collection[str] = (), *, synchronous: bool = False) -> tuple[str, ...]:
        """What keeps the cluster from being healthy, in words; nothing when it is.

        Healthy: there is a running leader; every `expected` member (all known ones when none is given) runs, or
        streams, on the leader's timeline; and with `synchronous` at least one synchronous standby is there.
        """
        names = sorted(expected) or [m.name for m in self.members]
        found = [problem for name in names if (problem := self._problem_of(name))]
        if self.leader is None:
            found.insert(0, "the cluster has no leader")
        elif self.leader.name not in names and (problem := self._problem_of(self.leader.name)):
            found.insert(0, problem)
        if synchronous and not any(m.is_synchronous for m in self.members):
            found.append("no synchronous standby is connected, though commits shall wait for one")
        return tuple(found)

    def _problem_of(self, name: str) -> str | None:
        member = self.member(name)
        if member is None:
            return f"{name} is not a member"
        if not member.is_up:
            return member.described
        if self.timeline is not None and member.timeline != self.timeline:
            return f"{member.described}, but the leader is on timeline {self.timeline}"
        return None

    def facts(self) -> dict[str, Any]:
        """The cluster as a module returns it."""
        return {
            "name": self.name,
            "leader": self.leader.name if self.leader else None,
            "timeline": self.timeline,
            "paused": self.paused,
            "scheduled_switchover": dict(self.scheduled_switchover) if self.scheduled_switchover else None,
            "history": [end.facts() for end in self.history],
            "members": [asdict(m) for m in self.members],
        }


def _scheduled(told: Mapping[str, Any]) -> dict[str, str | None] | None:
    return {key: _text(told.get(key)) for key in ("at", "from", "to")} if _text(told.get("at")) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: object) -> int | None:
    """A number, or None for what Patroni writes when it has none: nothing, or the word "unknown"."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
