# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Patroni that answers as the real one does (4.1, whose differences from 3.0 the tests set by hand)."""

from __future__ import annotations

import copy
import ssl
from collections.abc import Callable
from typing import Any

from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import Call, FakeServer, Reply

BROWSER_PAGE = b"<!DOCTYPE HTML><html><body><h1>Error response</h1></body></html>"


def member(name: str, role: str = "replica", **changes: Any) -> dict[str, Any]:
    """A healthy member as GET /cluster of Patroni 4.1 lists it."""
    leads = role == "leader"
    return {
        "name": name,
        "role": role,
        "state": "running" if leads else "streaming",
        "api_url": f"https://{name}:8008/patroni",
        "host": name,
        "port": 5432,
        "timeline": 3,
        **({} if leads else {"receive_lag": 0, "receive_lsn": "0/5000060", "replay_lag": 0, "lag": 0}),
        **changes,
    }


def said(words: str, status: int = 200) -> Reply:
    """Plain words, which Patroni sends as text/html."""
    return Reply(words.encode(), status, "text/html")


class FakePatroni:
    """One member's REST interface.

    `replies` replaces the answer to a (method, path), and `acts` makes one from the request's body; `stale_reads` is
    for how many GET /config more the member still shows the configuration from before the last PATCH, as Patroni's
    cache does. `status` is what the member itself knows; of the orders without an act it says that they are done.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.members = [member("pg1", "leader"), member("pg2", "sync_standby"), member("pg3")]
        self.pause = False
        self.version = "4.1.4"
        self.config: dict[str, Any] = {
            "ttl": 30,
            "loop_wait": 10,
            "retry_timeout": 10,
            "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 100, "work_mem": "8MB"}},
        }
        self.name = "pg1"
        self.status: dict[str, Any] = {"state": "running", "role": "primary", "timeline": 3}
        self.history: list[list[Any]] = [
            [1, 25165984, "no recovery target specified", "2026-01-31T11:00:00.000000+00:00", "pg2"],
            [2, 50331808, "no recovery target specified", "2026-01-31T12:00:00.000000+00:00", "pg1"],
        ]
        self.replies: dict[tuple[str, str], Reply] = {}
        self.acts: dict[tuple[str, str], Callable[[Any], Reply]] = {
            ("POST", "/reload"): lambda _body: said("reload scheduled", 202),
            ("POST", "/restart"): lambda _body: said("restarted successfully"),
            ("POST", "/reinitialize"): lambda _body: said("reinitialize started"),
            ("POST", "/switchover"): lambda body: said(f'Successfully switched over to "{body.get("candidate")}"'),
            ("POST", "/failover"): lambda body: said(f'Successfully failed over to "{body.get("candidate")}"'),
            ("DELETE", "/switchover"): lambda _body: said("no switchover is scheduled", 404),
        }
        self.stale_reads = 0
        self.restart_wanted_for: set[str] = set()
        self._former: dict[str, Any] = {}
        self.server = FakeServer(self._answer, tls)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.server.url

    def _answer(self, call: Call) -> Reply:
        known: dict[tuple[str, str], Callable[[], Reply]] = {
            ("GET", "/cluster"): self._cluster,
            ("GET", "/config"): self._get_config,
            ("PATCH", "/config"): lambda: self._patch_config(call.body),
            ("GET", "/patroni"): self._status,
            ("GET", "/history"): lambda: Reply(self.history),
        }
        key = (call.method, call.path)
        if key in self.replies:
            return self.replies[key]
        if key in self.acts:
            return self.acts[key](call.body)
        return known[key]() if key in known else Reply(BROWSER_PAGE, 404, "text/html")

    def _cluster(self) -> Reply:
        return Reply({"members": self.members, "scope": "shop", **({"pause": True} if self.pause else {})})

    def _status(self) -> Reply:
        patroni = {"version": self.version, "scope": "shop", "name": self.name}
        return Reply({**self.status, **({"pause": True} if self.pause else {}), "patroni": patroni})

    def _get_config(self) -> Reply:
        if self.stale_reads:
            self.stale_reads -= 1
            return Reply(self._former)
        return Reply(self.config)

    def _patch_config(self, patch: dict[str, Any]) -> Reply:
        if not patch:
            return Reply(BROWSER_PAGE, 400, "text/html")
        self._former = copy.deepcopy(self.config)
        merge_like_patroni(self.config, patch)
        parameters = patch.get("postgresql", {}).get("parameters", {})
        if self.restart_wanted_for & parameters.keys():
            self.members = [{**m, "pending_restart": True} for m in self.members]
        return Reply(self.config)


def merge_like_patroni(config: dict[str, Any], patch: dict[str, Any]) -> None:
    """The rules of Patroni's PATCH, its comparison by spelling included."""
    for name, value in patch.items():
        if value is None:
            config.pop(name, None)
        elif isinstance(value, dict) and isinstance(config.get(name), dict):
            merge_like_patroni(config[name], value)
        elif name not in config or isinstance(value, dict) or str(config[name]) != str(value):
            config[name] = value
