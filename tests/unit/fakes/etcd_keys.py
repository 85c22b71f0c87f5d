# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys and leases of an etcd, answered as by the JSON gateway of 3.4 and 3.5. Time passes only when told to."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import Call, FakeServer, Reply

FIRST_LEASE = 2**62 + 3  # beyond what a float holds exactly
NO_SUCH_LEASE = (5, 404, "etcdserver: requested lease not found")


@dataclass
class FakeKey:
    """One key; `lease` is 0 where it stays."""

    value: bytes
    created: int
    modified: int
    lease: int = 0


class FakeKeys:
    """The store, served at as many addresses as there are members.

    `before` is called ahead of every request with its path, for what happens just then; `refusals` are the answers
    (code, status, message) that requests to a path get instead of being done, and `lost` is how many requests to a path
    are done though their answers are lost.
    """

    def __init__(self, members: int = 1) -> None:
        self.revision = 1
        self.now = 0
        self.keys: dict[bytes, FakeKey] = {}
        self.leases: dict[int, tuple[int, int]] = {}
        self.before: Callable[[str], None] = lambda _path: None
        self.refusals: dict[str, tuple[int, int, str]] = {}
        self.lost: dict[str, int] = {}
        self.servers = [FakeServer(self.answer) for _member in range(members)]

    @property
    def urls(self) -> list[str]:
        """Where the members listen."""
        return [server.url for server in self.servers]

    @property
    def calls(self) -> list[Call]:
        """The requests to all members."""
        return [call for server in self.servers for call in server.calls]

    @property
    def writes(self) -> list[str]:
        """The paths of the requests that change something."""
        return [call.path for call in self.calls if not _is_read(call)]

    def stop(self) -> None:
        """The end of a test."""
        for server in self.servers:
            server.stop()

    def pass_time(self, seconds: int) -> None:
        """Let leases come to their end."""
        self.now += seconds
        for lease in [lease for lease, (ends, _ttl) in self.leases.items() if ends <= self.now]:
            self._end(lease)

    def write(self, key: str, value: bytes, lease: int = 0) -> None:
        """Somebody writes a key."""
        self._put({"key": _coded(key.encode()), "value": _coded(value), "lease": str(lease)})

    def __getitem__(self, key: str) -> bytes:
        return self.keys[key.encode()].value

    def __contains__(self, key: str) -> bool:
        return key.encode() in self.keys

    def answer(self, call: Call) -> Reply:
        """What any member answers."""
        operations: dict[str, Callable[[dict[str, Any]], Reply]] = {
            "/v3/kv/range": lambda body: Reply(self._range(body)),
            "/v3/kv/txn": self._transact,
            "/v3/lease/grant": self._grant,
            "/v3/lease/keepalive": self._keep_alive,
            "/v3/lease/timetolive": self._time_to_live,
            "/v3/lease/revoke": self._revoke,
        }
        self.before(call.path)
        if call.path in self.refusals:
            return _refusal(*self.refusals[call.path])
        if call.path not in operations:
            return Reply(b"404 page not found\n", 404, "text/plain")
        done = operations[call.path](call.body)
        if self.lost.get(call.path, 0) > 0:
            self.lost[call.path] -= 1
            return _refusal(14, 503, "etcdserver: request timed out")
        return done

    def _range(self, body: dict[str, Any]) -> dict[str, Any]:
        matching = sorted(self._matching(body), reverse=body.get("sort_order") == "DESCEND")
        limit = int(body.get("limit", 0)) or len(matching)
        kvs = [self._told(key) for key in matching[:limit]]
        more = {"more": True} if len(matching) > limit else {}
        return {"header": self._header(), **({"kvs": kvs, **more, "count": str(len(matching))} if matching else {})}

    def _matching(self, body: dict[str, Any]) -> list[bytes]:
        first = base64.b64decode(body["key"])
        end = base64.b64decode(body["range_end"]) if "range_end" in body else first + b"\0"
        return [key for key in self.keys if first <= key < end]

    def _told(self, key: bytes) -> dict[str, str]:
        found = self.keys[key]
        told = {"key": _coded(key), "create_revision": str(found.created), "mod_revision": str(found.modified)}
        value = {"value": _coded(found.value)} if found.value else {}
        return {**told, "version": "1", **value, **({"lease": str(found.lease)} if found.lease else {})}

    def _transact(self, body: dict[str, Any]) -> Reply:
        if not all(self._holds(condition) for condition in body["compare"]):
            return Reply({"header": self._header()})
        if ranges := _ranges(body):
            assert len(ranges) == len(body["success"])
            responses = [{"response_range": self._range(asked)} for asked in ranges]
            return Reply({"header": self._header(), "succeeded": True, "responses": responses})
        puts = [operation["request_put"] for operation in body["success"] if "request_put" in operation]
        if any(int(put["lease"]) not in {0, *self.leases} for put in puts):
            return _refusal(*NO_SUCH_LEASE)
        self.revision += 1
        for operation in body["success"]:
            if "request_put" in operation:
                self._put(operation["request_put"])
            else:
                for key in self._matching(operation["request_delete_range"]):
                    del self.keys[key]
        return Reply({"header": self._header(), "succeeded": True, "responses": []})

    def _holds(self, condition: dict[str, Any]) -> bool:
        assert condition["result"] == "EQUAL"
        found = self.keys.get(base64.b64decode(condition["key"]))
        if condition["target"] == "CREATE":
            return int(condition["create_revision"]) == (found.created if found else 0)
        assert condition["target"] == "MOD"
        return int(condition["mod_revision"]) == (found.modified if found else 0)

    def _put(self, body: dict[str, Any]) -> None:
        self.revision += 1
        key = base64.b64decode(body["key"])
        created = self.keys[key].created if key in self.keys else self.revision
        self.keys[key] = FakeKey(base64.b64decode(body["value"]), created, self.revision, int(body["lease"]))

    def _grant(self, body: dict[str, Any]) -> Reply:
        lease, ttl = FIRST_LEASE + len(self.calls), int(body["TTL"])
        self.leases[lease] = (self.now + ttl, ttl)
        return Reply({"header": self._header(), "ID": str(lease), "TTL": str(ttl)})

    def _keep_alive(self, body: dict[str, Any]) -> Reply:
        lease = int(body["ID"])
        if lease not in self.leases:
            return Reply({"result": {"header": self._header(), "ID": body["ID"]}})
        ttl = self.leases[lease][1]
        self.leases[lease] = (self.now + ttl, ttl)
        return Reply({"result": {"header": self._header(), "ID": body["ID"], "TTL": str(ttl)}})

    def _time_to_live(self, body: dict[str, Any]) -> Reply:
        lease = int(body["ID"])
        if lease not in self.leases:
            return Reply({"header": self._header(), "ID": body["ID"], "TTL": "-1"})
        ends, ttl = self.leases[lease]
        return Reply({"header": self._header(), "ID": body["ID"], "TTL": str(ends - self.now), "grantedTTL": str(ttl)})

    def _revoke(self, body: dict[str, Any]) -> Reply:
        if int(body["ID"]) not in self.leases:
            return _refusal(*NO_SUCH_LEASE)
        self._end(int(body["ID"]))
        return Reply({"header": self._header()})

    def _end(self, lease: int) -> None:
        del self.leases[lease]
        self.keys = {key: found for key, found in self.keys.items() if found.lease != lease}

    def _header(self) -> dict[str, str]:
        return {"cluster_id": "9", "member_id": "7", "revision": str(self.revision), "raft_term": "2"}


def _ranges(body: dict[str, Any]) -> list[dict[str, Any]]:
    """What a transaction reads, which then changes nothing."""
    return [operation["request_range"] for operation in body["success"] if "request_range" in operation]


def _is_read(call: Call) -> bool:
    reading = ("/v3/kv/range", "/v3/lease/timetolive")
    return call.path in reading or (call.path == "/v3/kv/txn" and bool(_ranges(call.body)))


def _coded(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _refusal(code: int, status: int, message: str) -> Reply:
    return Reply({"code": code, "message": message}, status)
