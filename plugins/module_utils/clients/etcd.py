# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd's version 3 interface through its JSON gateway: one method for each operation.

The gateway follows the protobuf mapping: 64-bit numbers are strings, fields with their default value are left out.
Tried with etcd 3.4, 3.5 and 3.6, whose refusals differ in form only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_snapshot import Snapshot, save_snapshot
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd import (
    Alarm,
    EndpointStatus,
    EtcdMember,
    MemberList,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd_agreement import KeysHash
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd_storage import EtcdStorage

Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class EtcdClient:
    """One etcd server. Every method raises RemoteError when it refuses, answers nonsense or cannot be reached."""

    http: JsonHttp

    @property
    def url(self) -> str:
        """The server's address, for messages."""
        return self.http.url

    def at(self, url: str) -> EtcdClient:
        """A client of another member, with the same certificates."""
        return EtcdClient(self.http.at(url))

    def patient(self, seconds: float) -> EtcdClient:
        """The same client, which waits so long for each answer."""
        return EtcdClient(self.http.patient(seconds))

    def members(self) -> MemberList:
        """The members as this server knows them; from etcd 3.5 on this needs a majority, so that it cannot be stale.

        A learner refuses to answer.
        """
        return self._call("/v3/cluster/member/list", {"linearizable": True}, MemberList.from_json)

    def members_known_here(self) -> MemberList:
        """The members as this server remembers them, which also works without a majority."""
        return self._call("/v3/cluster/member/list", {"linearizable": False}, MemberList.from_json)

    def status(self) -> EndpointStatus:
        """This server's own version, size, leader and raft position; works without a majority."""
        return self._call("/v3/maintenance/status", {}, EndpointStatus.from_json)

    def storage(self) -> EtcdStorage:
        """How large this server's own database is, and at which revision; works without a majority."""
        return self._call("/v3/maintenance/status", {}, EtcdStorage.from_json)

    def hash_of_keys(self, revision: int) -> KeysHash:
        """What this server's own database holds of all keys up to that revision, as one number.

        Refused with HTTP 404 by the gateway of etcd 3.4, and with HTTP 400 where the server has not come so far yet,
        or has forgotten what was then.
        """
        return self._call("/v3/maintenance/hashkv", {"revision": str(revision)}, KeysHash.from_json)

    def alarms(self) -> tuple[Alarm, ...]:
        """The alarms that are raised, of all members."""
        return self._call("/v3/maintenance/alarm", {"action": "GET"}, Alarm.all_from_json)

    def is_healthy(self) -> bool:
        """GET /health: True when this server completes a read that needs a majority.

        A sick server may answer with HTTP 503, which raises. A full database does not count here: it is an alarm.
        """
        answer = self._object("GET", "/health", self.http.request("GET", "/health?exclude=NOSPACE"))
        return str(answer.get("health")).lower() == "true"

    def add_member(self, peer_urls: Sequence[str], *, as_learner: bool) -> EtcdMember:
        """Register a member that will be reached at `peer_urls`; it gets its name when it starts."""
        body = {"peerURLs": list(peer_urls), "isLearner": as_learner}
        return self._call("/v3/cluster/member/add", body, lambda answer: EtcdMember.from_json(answer["member"]))

    def remove_member(self, member_id: int) -> None:
        """Take a member out of the cluster, for good: its data directory cannot be used again."""
        self.http.request("POST", "/v3/cluster/member/remove", {"ID": str(member_id)})

    def promote_member(self, member_id: int) -> None:
        """Let a learner vote. Refused with HTTP 412 (400 by etcd 3.6) until it has caught up with the leader."""
        self.http.request("POST", "/v3/cluster/member/promote", {"ID": str(member_id)})

    def update_member(self, member_id: int, peer_urls: Sequence[str]) -> None:
        """Change the addresses at which the other members reach this one."""
        self.http.request("POST", "/v3/cluster/member/update", {"ID": str(member_id), "peerURLs": list(peer_urls)})

    def disarm(self, alarm: Alarm) -> None:
        """Take one alarm back; it is raised again by the next write if its cause is still there."""
        body = {"action": "DEACTIVATE", "memberID": str(alarm.member_id), "alarm": alarm.kind}
        self.http.request("POST", "/v3/maintenance/alarm", body)

    def compact(self, revision: int) -> None:
        """Forget, in all members, what was before that revision; returns when it is done on disk.

        One that is compacted already is refused with HTTP 400, "required revision has been compacted".
        """
        self.http.request("POST", "/v3/kv/compaction", {"revision": str(revision), "physical": True})

    def defragment(self) -> None:
        """Give the unused space of this server's own database back to the disk; it serves nobody meanwhile."""
        self.http.request("POST", "/v3/maintenance/defragment", {})

    def move_leader(self, member_id: int) -> None:
        """Hand the leadership to another member. Only the leader does that, others refuse with HTTP 412 or 400."""
        self.http.request("POST", "/v3/maintenance/transfer-leadership", {"targetID": str(member_id)})

    def snapshot(self, path: Path) -> Snapshot:
        """Write this server's own database to a file; see `save_snapshot`."""
        return save_snapshot(self.http, path)

    def _call(self, path: str, body: dict[str, Any], parse: Callable[[dict[str, Any]], Parsed]) -> Parsed:
        answer = self._object("POST", path, self.http.request("POST", path, body))
        try:
            return parse(answer)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f"the answer is not what etcd gives: {error}"
            raise RemoteError(f"POST {path} on {self.url}: {reason}", url=self.url, reason=reason) from error

    def _object(self, method: str, path: str, answer: object) -> dict[str, Any]:
        if not isinstance(answer, dict):
            reason = f"expected an object, got {type(answer).__name__}"
            raise RemoteError(f"{method} {path} on {self.url}: {reason}", url=self.url, reason=reason)
        return answer
