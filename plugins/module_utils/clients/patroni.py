# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patroni's REST interface: one method for each operation.

Paths and answers as documented under "Patroni REST API" and read from the sources of Patroni 3.0 to 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState


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
        answer = self.http.request("GET", "/cluster")
        try:
            return ClusterState.from_json(answer)
        except ValueError as error:
            raise RemoteError(f"GET /cluster on {self.url}: {error}", url=self.url, reason=str(error)) from error

    def config(self) -> dict[str, Any]:
        """GET /config: the dynamic configuration. May lag behind a change by loop_wait: it is Patroni's cached copy."""
        return self._mapping("GET", "/config")

    def patch_config(self, patch: Mapping[str, Any]) -> dict[str, Any]:
        """PATCH /config: merge `patch` into the dynamic configuration and return the whole; null removes a key.

        HTTP 409: somebody else changed it at the same moment. HTTP 503: the cluster has no configuration yet.
        """
        return self._mapping("PATCH", "/config", patch)

    def version(self) -> str:
        """The version of this member's Patroni, like "4.1.4", from GET /patroni."""
        patroni = self._mapping("GET", "/patroni").get("patroni")
        return str(patroni.get("version", "")) if isinstance(patroni, dict) else ""

    def _mapping(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = self.http.request(method, path, body)
        if not isinstance(answer, dict):
            reason = f"expected an object, got {type(answer).__name__}"
            raise RemoteError(f"{method} {path} on {self.url}: {reason}", url=self.url, reason=reason)
        return answer
