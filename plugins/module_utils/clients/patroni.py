# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patroni's REST interface: one method for each operation.

Paths and answers as documented under "Patroni REST API" and read from the sources of Patroni 3.0 to 4.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import Accepted, JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState, TimelineEnd
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.member_status import MemberStatus

# How long the answer to a request may take that is given when something is done, in seconds. A handover is answered
# after 2 x max(10, loop_wait) rounds of a second and a look at the store each, a restart when PostgreSQL is up.
HANDOVER_SECONDS = 60.0
RESTART_SECONDS = 600.0

Parsed = TypeVar("Parsed")


def restart_wish(only_pending: bool, timeout: int | None) -> dict[str, Any]:
    """What POST /restart is sent.

    `only_pending`: refused with HTTP 503 unless a parameter waits for it. `timeout` is Patroni's: a leader that is not
    up after so many seconds gives up its leadership. HTTP 503 may also mean that it is still starting.
    """
    body: dict[str, Any] = {"restart_pending": True} if only_pending else {}  # Patroni asks for the key alone
    return body if timeout is None else {**body, "timeout": timeout}


@dataclass(frozen=True)
class PatroniClient:
    """The Patroni of one host. Every method raises RemoteError where it refuses, answers nonsense or is unreachable."""

    http: JsonHttp

    @property
    def url(self) -> str:
        """The server's address, for messages."""
        return self.http.url

    def cluster(self) -> ClusterState:
        """GET /cluster: the cluster as this member reads it from the consensus store."""
        return self._read("/cluster", ClusterState.from_json)

    def status(self) -> MemberStatus:
        """GET /patroni: what this member knows of itself; answered without the consensus store."""
        return self._read("/patroni", MemberStatus.from_json)

    def history(self) -> tuple[TimelineEnd, ...]:
        """GET /history: how the timelines before the present one ended, the oldest first."""
        return self._read("/history", TimelineEnd.all_from_json)

    def config(self) -> dict[str, Any]:
        """GET /config: the dynamic configuration. May lag behind a change by loop_wait: it is Patroni's cached copy."""
        return self._mapping("GET", "/config")

    def patch_config(self, patch: Mapping[str, Any]) -> dict[str, Any]:
        """PATCH /config: merge `patch` into the dynamic configuration and return the whole; null removes a key.

        HTTP 409: somebody else changed it at the same moment. HTTP 503: the cluster has no configuration yet.
        """
        return self._mapping("PATCH", "/config", patch)

    def wake(self, same: Mapping[str, Any]) -> None:
        """PATCH /config with settings that are in force already: nothing is written, but the member looks at once.

        An empty patch would be refused with HTTP 400.
        """
        self._mapping("PATCH", "/config", same)

    def switchover(
        self,
        leader: str,
        candidate: str | None = None,
        scheduled_at: str | None = None,
        *,
        seconds: float = HANDOVER_SECONDS,
    ) -> Accepted:
        """POST /switchover: hand the leadership over, now or at a time (ISO 8601 with its zone).

        HTTP 200 says who leads, which may be somebody *instead of* the candidate; 202: it is scheduled. Refused with
        HTTP 412 and the reason; 400 or 422 for a bad time. HTTP 503 may mean that nobody knows yet how it ended, as
        does no answer within `seconds`: then the cluster must be watched.
        """
        wish = {"leader": leader, "candidate": candidate, "scheduled_at": scheduled_at}
        body = {key: value for key, value in wish.items() if value is not None}
        return self.http.patient(seconds).send("POST", "/switchover", body)

    def cancel_switchover(self) -> Accepted:
        """DELETE /switchover: forget a scheduled one. HTTP 404: none is scheduled; 409: it changed meanwhile."""
        return self.http.send("DELETE", "/switchover")

    def failover(self, candidate: str, *, seconds: float = HANDOVER_SECONDS) -> Accepted:
        """POST /failover: make the candidate the leader, whatever it lacks. Answers as `switchover` does."""
        return self.http.patient(seconds).send("POST", "/failover", {"candidate": candidate})

    def restart(self, *, only_pending: bool, timeout: int | None = None, seconds: float = RESTART_SECONDS) -> Accepted:
        """POST /restart: restart this member's PostgreSQL; answered when it is up. See `restart_wish`."""
        return self.http.patient(seconds).send("POST", "/restart", restart_wish(only_pending, timeout))

    def reload(self) -> Accepted:
        """POST /reload: have the member read its own configuration again; answered (HTTP 202) before it does."""
        return self.http.send("POST", "/reload")

    def reinitialize(self, *, force: bool = False) -> Accepted:
        """POST /reinitialize: throw away this replica's data and clone it anew; answered when that begins.

        `force` ends what Patroni is about at the moment. HTTP 503: it leads, there is no leader, or something is in
        progress.
        """
        return self.http.send("POST", "/reinitialize", {"force": force})

    def version(self) -> str:
        """The version of this member's Patroni, like "4.1.4", from GET /patroni."""
        patroni = self._mapping("GET", "/patroni").get("patroni")
        return str(patroni.get("version", "")) if isinstance(patroni, dict) else ""

    def _read(self, path: str, parse: Callable[[object], Parsed]) -> Parsed:
        answer = self.http.request("GET", path)
        try:
            return parse(answer)
        except ValueError as error:
            raise RemoteError(f"GET {path} on {self.url}: {error}", url=self.url, reason=str(error)) from error

    def _mapping(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = self.http.request(method, path, body)
        if not isinstance(answer, dict):
            reason = f"expected an object, got {type(answer).__name__}"
            raise RemoteError(f"{method} {path} on {self.url}: {reason}", url=self.url, reason=reason)
        return answer
