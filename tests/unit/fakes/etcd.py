# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An etcd cluster whose members answer as the real ones do through the JSON gateway of 3.4, 3.5 or 3.6.

Numbers are text, defaults are left out, a learner refuses to list members, and changes of the membership are refused
as by `strict-reconfig-check`. There is no raft: the first running voter leads while a majority of voters runs.
"""

from __future__ import annotations

import base64
import hashlib
import json
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
    revision: int = 0  # where it differs from the cluster's
    keys_hash: int = 4042
    compacted: int = -1
    forgets: bool = False  # compacts between the question for its revision and that for its keys
    db_size: int = 20480
    db_used: int = 16384
    server: FakeServer | None = None

    def to_json(self) -> dict[str, Any]:
        """As the gateway lists it."""
        told: dict[str, Any] = {"ID": str(self.id), "name": self.name, "peerURLs": self.peer_urls}
        told |= {"clientURLs": [self.server.url] if self.server else [], "isLearner": self.is_learner}
        return {key: value for key, value in told.items() if value}


@dataclass
class FakeEtcd:
    """The cluster. `not_now` are answers that the next changes get instead of being done.

    Whoever is `preferred` leads while it runs. A compaction leaves of each database what is `needed`, in bytes.
    `snapshot` is the database as it is saved, without the digest that follows it. `others` answers what is not about
    the cluster.
    """

    version: str = "3.5"
    members: list[FakeMember] = field(default_factory=list)
    alarms: list[dict[str, str]] = field(default_factory=list)
    not_now: list[str] = field(default_factory=list)
    changes: list[tuple[str, Any]] = field(default_factory=list)
    preferred: str = ""
    revision: int = 100
    compacted: int = 0
    needed: int = 16384
    snapshot: bytes = bytes(range(256)) * 400
    others: Callable[[Call], Reply] = lambda _call: Reply(b"404 page not found\n", 404, "text/plain")

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
        """The preferred voter, else the first running one, where a majority runs."""
        voters = [m for m in self.members if not m.is_learner]
        running = sorted((m for m in voters if m.up), key=lambda m: m.name != self.preferred)
        return running[0] if len(running) > len(voters) // 2 else None

    def _answer(self, member: FakeMember, call: Call) -> Reply:
        path = call.path.partition("?")[0]
        queries: dict[str, Callable[[], Reply]] = {
            "/health": lambda: self._health(call.path),
            "/v3/maintenance/status": lambda: self._status(member),
            "/v3/maintenance/alarm": lambda: self._alarms(call.body),
            "/v3/maintenance/snapshot": self._snapshot,
            "/v3/maintenance/hashkv": lambda: self._hash(member, int(call.body["revision"])),
            "/v3/cluster/member/list": lambda: self._list(member, call.body),
        }
        maintenance: dict[str, Callable[[dict[str, Any]], Reply]] = {
            "/v3/maintenance/defragment": lambda _body: self._defragment(member),
            "/v3/maintenance/transfer-leadership": lambda body: self._transfer(member, body),
            "/v3/kv/compaction": self._compact,
        }
        changes = {"add": self._add, "remove": self._remove, "promote": self._promote, "update": self._update}
        folder, _slash, action = path.rpartition("/")
        if path in queries:
            return queries[path]()
        if path in maintenance:
            return self._change(f"{path.rpartition('/')[2]} {member.name}", maintenance[path], call.body)
        if folder == "/v3/cluster/member" and action in changes:
            return self._change(action, changes[action], call.body)
        return self.others(call)

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
        header["revision"] = str(member.revision or self.revision)
        size = {"dbSize": str(member.db_size), "dbSizeInUse": str(member.db_used)}
        size |= {"raftIndex": str(member.raft_index), "raftTerm": "2"}
        return Reply({"header": header, "version": f"{self.version}.9", **size, **led})

    def _alarms(self, body: dict[str, Any]) -> Reply:
        if body["action"] == "DEACTIVATE":
            alarm = {"memberID": body["memberID"], "alarm": body["alarm"]}
            self.alarms = [raised for raised in self.alarms if raised != alarm]
            self.changes.append(("disarm", body))
        return Reply({"alarms": self.alarms} if self.alarms else {})

    def _defragment(self, member: FakeMember) -> Reply:
        member.db_size = member.db_used
        return Reply({})

    def _compact(self, body: dict[str, Any]) -> Reply:
        revision = int(body["revision"])
        if not self.compacted < revision <= self.revision:
            why = "has been compacted" if revision <= self.compacted else "is a future revision"
            return self._refusal(11, 400, f"etcdserver: mvcc: required revision {why}")
        self.compacted = revision
        for member in self.members:
            member.db_used = min(member.db_used, self.needed)
        return Reply({"header": {"revision": str(self.revision)}})

    def _transfer(self, asked: FakeMember, body: dict[str, Any]) -> Reply:
        if asked != self.leader:
            return self._precondition("etcdserver: not leader")
        target = next((m for m in self.members if str(m.id) == body["targetID"] and m.up), None)
        if target is None:
            return self._precondition("etcdserver: bad leader transferee")
        self.preferred = target.name
        return Reply({})

    def _snapshot(self) -> Reply:
        whole = self.snapshot
        parts = [whole[start : start + 32768] for start in range(0, len(whole), 32768)]
        left = [len(whole) - 32768 * number for number in range(1, len(parts) + 1)]
        lines = [
            {"remaining_bytes": str(rest), **_blob(part)} if rest > 0 else _blob(part)
            for part, rest in zip(parts, left, strict=True)
        ]
        lines.append(_blob(hashlib.sha256(whole).digest()))
        return Reply("\n".join(json.dumps({"result": line}) for line in lines).encode() + b"\n")

    def _hash(self, member: FakeMember, revision: int) -> Reply:
        """3.4 has the request for its own protocol only."""
        if self.version == "3.4":
            return Reply(b"Not Found\n", 404, "text/plain")
        if member.forgets:
            return self._refusal(11, 400, "etcdserver: mvcc: required revision has been compacted")
        if revision > (member.revision or self.revision):
            return self._refusal(11, 400, "etcdserver: mvcc: required revision is a future revision")
        return Reply({"hash": member.keys_hash, "compact_revision": str(member.compacted)})

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


def _blob(part: bytes) -> dict[str, str]:
    return {"blob": base64.b64encode(part).decode()}
