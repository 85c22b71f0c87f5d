# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An etcd cluster whose members answer as the real ones do through the JSON gateway of 3.4, 3.5 or 3.6.

Numbers are text, defaults are left out, a learner refuses to list members, and changes of the membership are refused
as by `strict-reconfig-check`. There is no raft: the first running voter leads while a majority of voters runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import Call, FakeServer, Reply

CLUSTER_ID = 15875391935852295136
FIRST_ID = 2**63 + 7  # beyond what fits a signed 64-bit number
NOT_FOUND = (5, 404, "etcdserver: member not found")
PRECONDITION = 9
STATUS_OF_A_PRECONDITION = {"3.4": 412, "3.5": 412, "3.6": 400}
UNAVAILABLE = 14


@dataclass
class FakeMember:
    """One registered member; it answers while `up`, and its server is there from its start on."""

    id: int
    peer_urls: list[str]
    name: str = ""
    is_learner: bool = False
    up: bool = False
    cluster_id: int = CLUSTER_ID
    raft_index: int = 40
    server: FakeServer | None = None

    def to_json(self) -> dict[str, Any]:
        """As the gateway lists it."""
        told: dict[str, Any] = {"ID": str(self.id), "name": self.name, "peerURLs": self.peer_urls}
        told |= {"clientURLs": [self.server.url] if self.server else [], "isLearner": self.is_learner}
        return {key: value for key, value in told.items() if value}


@dataclass
class FakeEtcd:
    """The cluster. `not_now` are answers that the next changes get instead of being done."""

    version: str = "3.5"
    members: list[FakeMember] = field(default_factory=list)
    alarms: list[dict[str, str]] = field(default_factory=list)
    not_now: list[str] = field(default_factory=list)
    changes: list[tuple[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, *names: str, version: str = "3.5") -> FakeEtcd:
        """A healthy cluster with these members."""
        cluster = cls(version)
        for name in names:
            cluster.start(cluster.register([f"https://{name}:2380"]), name)
        return cluster

    def register(self, peer_urls: list[str], is_learner: bool = False) -> FakeMember:
        """What member/add does."""
        member = FakeMember(FIRST_ID + len(self.members) + len(self.changes) * 100, peer_urls, is_learner=is_learner)
        self.members.append(member)
        return member

    def start(self, member: FakeMember, name: str) -> None:
        """The member joins and from now on answers."""
        member.name, member.up = name, True
        member.server = FakeServer(lambda call: self._answer(member, call))

    def stop(self, *names: str) -> None:
        """Their hosts lose power."""
        for name in names:
            member = self[name]
            member.up = False
            if member.server:
                member.server.stop()

    def stop_all(self) -> None:
        """The end of a test."""
        self.stop(*(m.name for m in self.members if m.up))

    def __getitem__(self, name: str) -> FakeMember:
        return next(m for m in self.members if m.name == name)

    @property
    def urls(self) -> list[str]:
        """Where the members listen, or did."""
        return [m.server.url for m in self.members if m.server]

    @property
    def names(self) -> list[str]:
        """The names of the registered members, "" for those that never started."""
        return [m.name for m in self.members]

    @property
    def leader(self) -> FakeMember | None:
        """The first running voter, where a majority runs."""
        voters = [m for m in self.members if not m.is_learner]
        running = [m for m in voters if m.up]
        return running[0] if len(running) > len(voters) // 2 else None

    def _answer(self, member: FakeMember, call: Call) -> Reply:
        path = call.path.partition("?")[0]
        queries: dict[str, Callable[[], Reply]] = {
            "/health": lambda: self._health(call.path),
            "/v3/maintenance/status": lambda: self._status(member),
            "/v3/maintenance/alarm": self._alarms,
            "/v3/cluster/member/list": lambda: self._list(member, call.body),
        }
        changes = {"add": self._add, "remove": self._remove, "promote": self._promote, "update": self._update}
        folder, _slash, action = path.rpartition("/")
        if path in queries:
            return queries[path]()
        if folder == "/v3/cluster/member" and action in changes:
            return self._change(action, changes[action], call.body)
        return Reply(b"404 page not found\n", 404, "text/plain")

    def _health(self, path: str) -> Reply:
        told = [a["alarm"] for a in self.alarms if f"exclude={a['alarm']}" not in path]
        reason = f"ALARM {told[0]}" if told else "" if self.leader else "RAFT NO LEADER"
        healthy = self.leader is not None and not told
        said = {} if self.version == "3.4" else {"reason": reason}
        return Reply({"health": "true" if healthy else "false", **said}, 200 if healthy else 503)

    def _status(self, member: FakeMember) -> Reply:
        errors = [] if self.leader else ["etcdserver: no leader"]
        errors += [f"memberID:{a['memberID']} alarm:{a['alarm']} " for a in self.alarms]
        led: dict[str, Any] = {"leader": str(self.leader.id)} if self.leader else {}
        if errors:
            led["errors"] = errors
        header = {"cluster_id": str(member.cluster_id), "member_id": str(member.id), "raft_term": "2"}
        size = {"dbSize": "20480", "raftIndex": str(member.raft_index), "raftTerm": "2"}
        return Reply({"header": header, "version": f"{self.version}.9", **size, **led})

    def _alarms(self) -> Reply:
        return Reply({"alarms": self.alarms} if self.alarms else {})

    def _list(self, member: FakeMember, body: dict[str, Any]) -> Reply:
        if member.is_learner:
            return self._refusal(UNAVAILABLE, 503, "etcdserver: rpc not supported for learner")
        if body.get("linearizable") and not self.leader and self.version != "3.4":
            return self._refusal(UNAVAILABLE, 503, "etcdserver: request timed out")
        header = {"cluster_id": str(member.cluster_id), "member_id": str(member.id)}
        return Reply({"header": header, "members": [m.to_json() for m in self.members]})

    def _change(self, name: str, change: Callable[[dict[str, Any]], Reply], body: dict[str, Any]) -> Reply:
        if self.not_now:
            return self._refusal(UNAVAILABLE, 503, self.not_now.pop(0))
        if not self.leader:
            return self._refusal(UNAVAILABLE, 503, "etcdserver: request timed out")
        reply = change(body)
        if reply.status == 200:
            self.changes.append((name, body))
        return reply

    def _add(self, body: dict[str, Any]) -> Reply:
        learner = bool(body.get("isLearner"))
        if any(set(m.peer_urls) & set(body["peerURLs"]) for m in self.members):
            return self._precondition("etcdserver: Peer URLs already exists")
        if learner and any(m.is_learner for m in self.members):
            return self._precondition("etcdserver: too many learner members in cluster")
        if not learner and sum(not m.is_learner and not m.name for m in self.members):
            return self._refusal(2, 500, "etcdserver: re-configuration failed due to not enough started members")
        member = self.register(body["peerURLs"], learner)
        return Reply({"member": member.to_json(), "members": [m.to_json() for m in self.members]})

    def _remove(self, body: dict[str, Any]) -> Reply:
        return self._with_member(body, self.members.remove)

    def _promote(self, body: dict[str, Any]) -> Reply:
        return self._with_member(body, lambda member: setattr(member, "is_learner", False))

    def _update(self, body: dict[str, Any]) -> Reply:
        return self._with_member(body, lambda member: setattr(member, "peer_urls", body["peerURLs"]))

    def _with_member(self, body: dict[str, Any], act: Callable[[FakeMember], object]) -> Reply:
        member = next((m for m in self.members if str(m.id) == body["ID"]), None)
        if member is None:
            return self._refusal(*NOT_FOUND)
        act(member)
        return Reply({"members": [m.to_json() for m in self.members]})

    def _precondition(self, message: str) -> Reply:
        return self._refusal(PRECONDITION, STATUS_OF_A_PRECONDITION[self.version], message)

    def _refusal(self, code: int, status: int, message: str) -> Reply:
        """Until 3.5 the gateway says its error twice; from 3.6 on once."""
        twice = {} if self.version == "3.6" else {"error": message}
        return Reply({**twice, "code": code, "message": message}, status)
