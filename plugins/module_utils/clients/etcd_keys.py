# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd's keys, leases and transactions through its JSON gateway: one method for each operation.

The gateway writes keys and values in base64 and 64-bit numbers as text, and leaves fields out that have their default
value. A read goes by majority, so that it is never stale. Tried with etcd 3.4 and 3.5.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError

Parsed = TypeVar("Parsed")

NO_LEASE = 0


@dataclass(frozen=True)
class KeyValue:
    """One key as it is now. `lease` is 0 where the key lives for ever; bytes that are no UTF-8 survive in `key`."""

    key: str
    value: bytes
    create_revision: int
    mod_revision: int
    lease: int = NO_LEASE

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> KeyValue:
        """Parse one key. Raises KeyError, TypeError or ValueError when it is none."""
        return cls(
            key=_decoded(data["key"]).decode(errors="surrogateescape"),
            value=_decoded(data.get("value", "")),
            create_revision=int(data["create_revision"]),
            mod_revision=int(data["mod_revision"]),
            lease=int(data.get("lease", NO_LEASE)),
        )


@dataclass(frozen=True)
class Created:
    """Holds when the key was created at that revision; 0: when there is no such key."""

    key: str
    revision: int = 0

    def to_json(self) -> dict[str, Any]:
        """As the gateway takes it."""
        told = {"target": "CREATE", "result": "EQUAL", "create_revision": str(self.revision)}
        return {"key": encoded(self.key), **told}


@dataclass(frozen=True)
class Unchanged:
    """Holds when the key was last written at that revision; 0: when there is no such key."""

    key: str
    revision: int

    def to_json(self) -> dict[str, Any]:
        """As the gateway takes it."""
        return {"key": encoded(self.key), "target": "MOD", "result": "EQUAL", "mod_revision": str(self.revision)}


@dataclass(frozen=True)
class Put:
    """Write a key, which ends with the lease if it has one."""

    key: str
    value: bytes
    lease: int = NO_LEASE

    def to_json(self) -> dict[str, Any]:
        """As the gateway takes it."""
        value = base64.b64encode(self.value).decode()
        return {"request_put": {"key": encoded(self.key), "value": value, "lease": str(self.lease)}}


@dataclass(frozen=True)
class Delete:
    """Delete a key, or all from it to just before `end`. That there is none is no error."""

    key: str
    end: str = ""

    def to_json(self) -> dict[str, Any]:
        """As the gateway takes it."""
        return {"request_delete_range": {"key": encoded(self.key), **_until(self.end)}}


class Http(Protocol):
    """JSON over HTTPS to one server; a method of its own, since the hosts' own programs have no Ansible."""

    @property
    def url(self) -> str: ...

    def request(self, method: str, path: str, body: object = None) -> Any:
        """Send one request and return the parsed answer. Raises RemoteError."""


@dataclass(frozen=True)
class EtcdKeys:
    """One etcd server. Every method raises RemoteError when it refuses, answers nonsense or cannot be reached."""

    http: Http

    @property
    def url(self) -> str:
        """The server's address, for messages."""
        return self.http.url

    def get(self, key: str) -> KeyValue | None:
        """The key as it is now."""
        found = self._call("/v3/kv/range", {"key": encoded(key)}, _keys)
        return found[0] if found else None

    def last_below(self, prefix: str, limit: int) -> tuple[KeyValue, ...]:
        """The last `limit` keys that begin with `prefix`, the last one first."""
        body = {"key": encoded(prefix), **_until(end_of(prefix)), "limit": str(limit)}
        return self._call("/v3/kv/range", {**body, "sort_order": "DESCEND", "sort_target": "KEY"}, _keys)

    def together(self, keys: Sequence[str], prefix: str) -> dict[str, KeyValue]:
        """Those of the keys that are there, and all that begin with `prefix`, as of one moment."""
        ranges = [{"key": encoded(key)} for key in keys]
        ranges.append({"key": encoded(prefix), **_until(end_of(prefix))})
        body = {"compare": [], "success": [{"request_range": asked} for asked in ranges]}
        return self._call("/v3/kv/txn", body, _keys_of_all)

    def transact(self, if_all: Sequence[Created | Unchanged], then: Sequence[Put | Delete]) -> bool:
        """Do all of `then` at once if every condition holds; tells whether it was done."""
        body = {"compare": [c.to_json() for c in if_all], "success": [o.to_json() for o in then]}
        return self._call("/v3/kv/txn", body, lambda answer: answer.get("succeeded") is True)

    def grant_lease(self, seconds: int) -> int:
        """A new lease that ends after so many seconds (etcd lengthens one below 1.5 election timeouts); its id."""
        return self._call("/v3/lease/grant", {"TTL": str(seconds)}, lambda answer: int(answer["ID"]))

    def renew_lease(self, lease: int) -> int:
        """Let the lease begin anew, once; the seconds that it lives now, 0 when it has ended before."""
        return self._call("/v3/lease/keepalive", _lease(lease), lambda answer: int(answer["result"].get("TTL", 0)))

    def lease_seconds_left(self, lease: int) -> int:
        """How long the lease still lives, in seconds; -1 when it has ended."""
        return self._call("/v3/lease/timetolive", _lease(lease), lambda answer: int(answer.get("TTL", 0)))

    def revoke_lease(self, lease: int) -> None:
        """End the lease, and with it its keys. One that has ended is refused with HTTP 404."""
        self.http.request("POST", "/v3/lease/revoke", _lease(lease))

    def _call(self, path: str, body: dict[str, Any], parse: Callable[[Any], Parsed]) -> Parsed:
        answer = self.http.request("POST", path, body)
        try:
            return parse(answer)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f"the answer is not what etcd gives: {error!r}"
            raise RemoteError(f"POST {path} on {self.url}: {reason}", url=self.url, reason=reason) from error


def end_of(prefix: str) -> str:
    """The first key after all that begin with `prefix`, whose last character is plain ASCII (etcdctl's `--prefix`)."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def encoded(key: str) -> str:
    """A key as the gateway wants it."""
    return base64.b64encode(key.encode(errors="surrogateescape")).decode()


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise TypeError(f"expected base64, got {text!r}")
    return base64.b64decode(text, validate=True)


def _keys(answer: Mapping[str, Any]) -> tuple[KeyValue, ...]:
    return tuple(KeyValue.from_json(kv) for kv in answer.get("kvs", ()))


def _keys_of_all(answer: Mapping[str, Any]) -> dict[str, KeyValue]:
    return {kv.key: kv for response in answer["responses"] for kv in _keys(response["response_range"])}


def _lease(lease: int) -> dict[str, str]:
    return {"ID": str(lease)}


def _until(end: str) -> dict[str, str]:
    return {"range_end": encoded(end)} if end else {}
