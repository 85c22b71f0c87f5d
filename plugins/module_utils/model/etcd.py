# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An etcd cluster at one moment. Immutable; parsed once, here.

Numbers of 64 bits come as decimal strings from etcd's JSON gateway, and a field that is absent has its default value.
Facts give ids as etcdctl prints them, in hexadecimal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

NO_LEADER = 0


def hex_id(number: int) -> str:
    """An id as etcdctl and etcd's journal write it."""
    return f"{number:x}"


@dataclass(frozen=True)
class EtcdMember:
    """One registered member. It has no name until it has started for the first time."""

    id: int
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...] = ()
    is_learner: bool = False

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EtcdMember:
        """Parse one member. Raises KeyError, TypeError or ValueError when it is none."""
        return cls(
            id=_number(data["ID"]),
            name=str(data.get("name", "")),
            peer_urls=_texts(data.get("peerURLs")),
            client_urls=_texts(data.get("clientURLs")),
            is_learner=data.get("isLearner") is True,
        )

    @property
    def started(self) -> bool:
        """True once the member has run; etcdctl decides the same way."""
        return bool(self.name)

    @property
    def label(self) -> str:
        """The name, or where it has none what else identifies it."""
        return self.name or f"the member {hex_id(self.id)} at {','.join(self.peer_urls)}"


@dataclass(frozen=True)
class MemberList:
    """The members of one cluster."""

    cluster_id: int
    members: tuple[EtcdMember, ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MemberList:
        """Parse the answer to a member list. Raises KeyError, TypeError or ValueError when it is none."""
        members = tuple(EtcdMember.from_json(m) for m in data["members"])
        return cls(_number(data["header"]["cluster_id"]), tuple(sorted(members, key=lambda m: (m.name, m.id))))


@dataclass(frozen=True)
class EndpointStatus:
    """What one server says about itself: database size in bytes, its leader (0: none), its place in the raft log."""

    member_id: int
    cluster_id: int
    version: str
    leader: int
    db_size_bytes: int
    raft_term: int
    raft_index: int
    errors: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EndpointStatus:
        """Parse the answer to a status request. Raises KeyError, TypeError or ValueError when it is none."""
        return cls(
            member_id=_number(data["header"]["member_id"]),
            cluster_id=_number(data["header"]["cluster_id"]),
            version=str(data.get("version", "")),
            leader=_number(data.get("leader", 0)),
            db_size_bytes=_number(data.get("dbSize", 0)),
            raft_term=_number(data.get("raftTerm", 0)),
            raft_index=_number(data.get("raftIndex", 0)),
            errors=_texts(data.get("errors")),
        )


@dataclass(frozen=True)
class Alarm:
    """An alarm that a member raised: NOSPACE (writes are refused) or CORRUPT."""

    member_id: int
    kind: str

    @classmethod
    def all_from_json(cls, data: Mapping[str, Any]) -> tuple[Alarm, ...]:
        """Parse the answer to an alarm request. Raises TypeError or ValueError when it is none."""
        return tuple(cls(_number(a.get("memberID", 0)), str(a.get("alarm", "NONE"))) for a in data.get("alarms", ()))


@dataclass(frozen=True)
class Seen:
    """What was seen of one member: its status and whether it serves reads by majority, or why it did not answer."""

    status: EndpointStatus | None = None
    serves: bool = False
    error: str | None = None


@dataclass(frozen=True)
class EtcdState:
    """The registered members, what was seen of each (by id), the alarms, and the addresses that did not answer."""

    cluster_id: int
    members: tuple[EtcdMember, ...]
    seen: Mapping[int, Seen]
    alarms: tuple[Alarm, ...] = ()
    unanswered: Mapping[str, str] = field(default_factory=dict)

    @property
    def voters(self) -> tuple[EtcdMember, ...]:
        """The members that count for a majority: all but learners, running or not."""
        return tuple(m for m in self.members if not m.is_learner)

    @property
    def quorum(self) -> int:
        """How many voters must run, so that the cluster takes writes."""
        return len(self.voters) // 2 + 1

    @property
    def leader(self) -> EtcdMember | None:
        """The member that most of the answering voters call their leader, if a majority of all voters does."""
        votes = [status.leader for m in self.voters if (status := self.of(m).status) and status.leader != NO_LEADER]
        return next((m for m in self.members if votes.count(m.id) >= self.quorum), None)

    def of(self, member: EtcdMember) -> Seen:
        """What was seen of a member."""
        return self.seen.get(member.id, Seen())

    def is_healthy(self, member: EtcdMember) -> bool:
        """True when the member answers, knows a leader, and serves reads that need a majority."""
        seen = self.of(member)
        return member.started and seen.serves and seen.status is not None and seen.status.leader != NO_LEADER

    @property
    def healthy_voters(self) -> tuple[EtcdMember, ...]:
        """The voters that take part now."""
        return tuple(m for m in self.voters if self.is_healthy(m))

    @property
    def majority(self) -> str:
        """How far the cluster is from a majority, in words."""
        return f"{len(self.healthy_voters)} of {len(self.voters)} voters are healthy, {self.quorum} are needed"

    def named(self, name: str) -> tuple[EtcdMember, ...]:
        """The members of that name; etcd itself lets several have the same."""
        return tuple(m for m in self.members if m.name == name)

    def problems(self, expected: Collection[str] = ()) -> tuple[str, ...]:
        """What keeps the cluster from being healthy, in words; nothing when it is.

        Healthy: a leader by majority, no alarm, and each `expected` member (all registered ones when none is given)
        is a healthy voter.
        """
        found = [] if self.leader else [self._no_leader()]
        found += [f"{name} is not a member" for name in sorted(expected) if not self.named(name)]
        judged = [m for m in self.members if not expected or m.name in expected]
        found += [problem for m in judged if (problem := self._problem_of(m))]
        return (*found, *(self._told(alarm) for alarm in self.alarms))

    def _no_leader(self) -> str:
        return f"no leader: {self.majority}"

    def _problem_of(self, member: EtcdMember) -> str | None:
        if not member.started:
            return f"{member.label} is registered but never started"
        seen = self.of(member)
        if seen.status is None:
            return f"{member.name} does not answer: {seen.error}"
        if seen.status.leader == NO_LEADER:
            return f"{member.name} knows no leader"
        if not seen.serves:
            return f"{member.name} cannot serve: {seen.error}"
        return f"{member.name} is a learner and does not vote yet" if member.is_learner else None

    def _told(self, alarm: Alarm) -> str:
        label = next((m.label for m in self.members if m.id == alarm.member_id), hex_id(alarm.member_id))
        return f"{label} has raised the alarm {alarm.kind}"

    def facts(self) -> dict[str, Any]:
        """The cluster as a module returns it."""
        return {
            "cluster_id": hex_id(self.cluster_id),
            "leader": self.leader.name if self.leader else None,
            "quorum": self.quorum,
            "members": [self._member_facts(m) for m in self.members],
            "alarms": [{"member_id": hex_id(a.member_id), "alarm": a.kind} for a in self.alarms],
        }

    def _member_facts(self, member: EtcdMember) -> dict[str, Any]:
        seen = self.of(member)
        return {
            "name": member.name,
            "id": hex_id(member.id),
            "peer_urls": list(member.peer_urls),
            "client_urls": list(member.client_urls),
            "is_learner": member.is_learner,
            "started": member.started,
            "healthy": self.is_healthy(member),
            "db_size_bytes": seen.status.db_size_bytes if seen.status else None,
            "raft_term": seen.status.raft_term if seen.status else None,
            "raft_index": seen.status.raft_index if seen.status else None,
            "version": seen.status.version if seen.status else None,
            "error": seen.error,
        }


def _number(value: object) -> int:
    """A 64-bit number, which the gateway writes as text."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError(f"expected a number, got {value!r}")
    return int(value)


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise TypeError(f"expected a list, got {value!r}")
    return tuple(str(item) for item in value)
