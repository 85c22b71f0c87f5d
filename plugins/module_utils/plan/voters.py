# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The voters of etcd by host, for plans that take hosts away. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Voters:
    """Who counts for etcd's majority, and whether each takes part now. Learners are members that do not count."""

    healthy: Mapping[str, bool] = field(default_factory=dict)
    leader: str | None = None
    learners: frozenset[str] = frozenset()

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any] | None, addresses: Mapping[str, str] | None = None) -> Voters:
        """The voters in what P(matriarch.pgcluster.etcd_cluster_info#module) returned as `etcd`.

        `addresses`, by host, tell whose a member is that never started.
        """
        if not facts:
            return cls()
        named = {member["name"] for member in facts["members"]}
        hosts = {address: host for host, address in (addresses or {}).items() if host not in named}
        members = [(_label(member, hosts), member) for member in facts["members"]]
        voters = {label: member["healthy"] is True for label, member in members if not member["is_learner"]}
        return cls(voters, facts["leader"], frozenset(label for label, member in members if member["is_learner"]))

    @property
    def quorum(self) -> int:
        """How many of the voters must run, so that etcd takes writes."""
        return len(self.healthy) // 2 + 1

    @property
    def running(self) -> int:
        """How many voters take part now."""
        return sum(self.healthy.values())

    @property
    def has_majority(self) -> bool:
        """True when etcd takes writes."""
        return self.running >= self.quorum

    def survives_absence_of(self, name: str) -> bool:
        """True when a majority of the same voters is left while one is away for a while."""
        return self.running - self.healthy.get(name, False) >= self.quorum

    def without(self, name: str) -> Voters:
        """The voters after one was removed for good."""
        left = {voter: healthy for voter, healthy in self.healthy.items() if voter != name}
        return Voters(left, None if self.leader == name else self.leader, self.learners - {name})

    @property
    def told(self) -> str:
        """How far etcd is from a majority, in words."""
        return f"{self.running} of {len(self.healthy)} voters are healthy, {self.quorum} are needed"


def _label(member: Mapping[str, Any], hosts: Mapping[str, str]) -> str:
    """A member that never started has no name yet, and is known by its address; `hosts` by theirs."""
    if member["name"]:
        return str(member["name"])
    addresses = (url.partition("://")[2].rpartition(":")[0] for url in member["peer_urls"])
    return next((hosts[address] for address in addresses if address in hosts), str(member["id"]))
