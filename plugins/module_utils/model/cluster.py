# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Patroni cluster at one moment, as GET /cluster tells it. Immutable; parsed once, here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

LEADER_ROLES = frozenset({"leader", "standby_leader"})
UP_STATES = frozenset({"running", "streaming"})
FROM_ARCHIVE = "in archive recovery"  # all that the leader of a standby cluster may have; a replica shall stream
SYNCHRONOUS_ROLES = frozenset({"sync_standby", "quorum_standby"})


@dataclass(frozen=True)
class Member:
    """One member. Lags are in bytes behind the leader, None where unknown or not told (the leader itself, old Patroni).

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
    pending_restart: bool = False
    pending_restart_reason: Mapping[str, Any] = field(default_factory=dict)
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
    def described(self) -> str:
        """The member in a few words, for messages."""
        timeline = f", timeline {self.timeline}" if self.timeline else ""
        return f"{self.name} ({self.role}{timeline}) is {self.state}"


@dataclass(frozen=True)
class ClusterState:
    """All members, by name, and whether Patroni is paused."""

    name: str
    members: tuple[Member, ...]
    paused: bool = False

    @classmethod
    def from_json(cls, data: object) -> ClusterState:
        """Parse the answer to GET /cluster. Raises ValueError when it is something else, or names a member twice."""
        if not isinstance(data, Mapping) or not isinstance(data.get("members"), list):
            raise ValueError("the answer has no list of members")
        members = tuple(sorted((Member.from_json(m) for m in data["members"]), key=lambda m: m.name))
        if len({m.name for m in members}) != len(members):
            raise ValueError("the answer names a member twice")
        return cls(name=_text(data.get("scope")) or "", members=members, paused=data.get("pause") is True)

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
            "members": [asdict(m) for m in self.members],
        }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: object) -> int | None:
    """A number, or None for what Patroni writes when it has none: nothing, or the word "unknown"."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
