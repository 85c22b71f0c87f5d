# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole cluster: a Patroni for each member, which share what the consensus store would tell them."""

from __future__ import annotations

from typing import Any

from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import FakePatroni, member, said
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import Reply


class FakeShop:
    """Members by name; those in `dead` are registered, but their hosts do not answer (any more)."""

    def __init__(self, **roles: str) -> None:
        self.patronis = {name: FakePatroni() for name in roles}
        self.dead: set[str] = set()
        self.paused = False
        self.members = {name: member(name, role) for name, role in roles.items()}
        for name, patroni in self.patronis.items():
            self._connect(name, patroni)

    def __getitem__(self, name: str) -> FakePatroni:
        return self.patronis[name]

    @property
    def urls(self) -> list[str]:
        """Where the members listen, the dead included."""
        return [patroni.url for patroni in self.patronis.values()]

    def kill(self, *names: str) -> None:
        """Their hosts lose power."""
        for name in names:
            self[name].server.stop()
            self.dead.add(name)

    def stop(self) -> None:
        """The end of the test."""
        self.kill(*(self.patronis.keys() - self.dead))

    def lead(self, name: str | None) -> None:
        """From now on this one leads, and the others stream from it; nobody, where there is no name."""
        for other, listed in self.members.items():
            leads = other == name
            streaming = "" if leads else "streaming"
            listed |= {"role": "leader" if leads else "replica", "state": streaming or "running"}
            self[other].status |= {"role": "primary" if leads else "replica", "replication_state": streaming}

    def _connect(self, name: str, patroni: FakePatroni) -> None:
        leads = self.members[name]["role"] == "leader"
        self.members[name]["api_url"] = f"{patroni.url}/patroni"
        patroni.name = name
        patroni.status = {
            "state": "running",
            "role": "primary" if leads else "replica",
            "timeline": 3,
            "postmaster_start_time": "2026-01-31 11:00:00+00:00",
            "replication_state": "" if leads else "streaming",
            "xlog": {"location": 1000} if leads else {"received_location": 1000, "replayed_location": 1000},
        }
        patroni.acts["GET", "/cluster"] = lambda _body: self._cluster()
        patroni.acts["PATCH", "/config"] = self._patch
        patroni.acts["POST", "/failover"] = self._fail_over

    def _cluster(self) -> Reply:
        paused = {"pause": True} if self.paused else {}
        return Reply({"members": list(self.members.values()), "scope": "shop", **paused})

    def _patch(self, patch: dict[str, Any]) -> Reply:
        self.paused = bool(patch["pause"])
        for patroni in self.patronis.values():
            patroni.pause = self.paused
        return Reply({"ttl": 30, **({"pause": True} if self.paused else {})})

    def _fail_over(self, body: dict[str, Any]) -> Reply:
        self.lead(body["candidate"])
        return said(f'Successfully failed over to "{body["candidate"]}"')
