# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that obeys the steps of a rolling operation as PostgreSQL, Patroni and etcd would; apart from the plans."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState, Member
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_input import Host, Situation
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_step import Step
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.voters import Voters

NOT_BELOW = ("max_connections", "max_worker_processes", "max_wal_senders")
FREE = ("shared_buffers",)


@dataclass
class World:
    """Members run with values of parameters, and the configuration may want others."""

    leader: str
    members: list[str]
    wanted: dict[str, int]
    running: dict[str, dict[str, int]]
    roles: dict[str, frozenset[str]]
    mode: str = "async"
    synchronous: set[str] = field(default_factory=set)
    outdated: set[str] = field(default_factory=set)
    drained: set[str] = field(default_factory=set)
    started: dict[str, float] = field(default_factory=dict)
    etcd_leader: str | None = None
    tells_values: bool = True
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    now: float = 1000.0

    def situation(self) -> Situation:
        hosts = {
            name: Host(
                name,
                roles,
                drained=name in self.drained,
                due="newer packages" if name in self.outdated else "",
                started=self.started.get(name),
            )
            for name, roles in self.roles.items()
        }
        voters = {name: True for name, roles in self.roles.items() if "etcd" in roles}
        return Situation(self.cluster(), hosts, Voters(voters, self.etcd_leader))

    def cluster(self) -> ClusterState:
        return ClusterState("main", tuple(self._member(name) for name in sorted(self.members)))

    def _member(self, name: str) -> Member:
        differs = {key: value for key, value in self.running[name].items() if value != self.wanted[key]}
        reason = {key: {"old_value": str(value), "new_value": str(self.wanted[key])} for key, value in differs.items()}
        role = "leader" if name == self.leader else self._role(name)
        state = "running" if name == self.leader else "streaming"
        member = Member(name, role, state, timeline=3, pending_restart=bool(differs))
        return replace(member, pending_restart_reason=reason) if self.tells_values else member

    def _role(self, name: str) -> str:
        if name not in self.synchronous:
            return "replica"
        return "quorum_standby" if self.mode == "quorum" else "sync_standby"

    def start(self, name: str) -> None:
        """PostgreSQL starts: a standby's values are not below those that the leader runs with (by Patroni)."""
        self.now += 1
        self.started[name] = self.now
        values = dict(self.wanted)
        if name != self.leader:
            for key in NOT_BELOW:
                values[key] = max(values[key], self.running[self.leader][key])
        self.running[name] = values

    def replicates(self) -> bool:
        """PostgreSQL's own condition; a standby's recovery stops where it does not hold."""
        leader = self.running[self.leader]
        return all(self.running[name][key] >= leader[key] for name in self.members for key in NOT_BELOW)

    def follow(self, step: Step) -> None:
        if step.action == "drain":
            self.drained.add(step.host)
        elif step.action == "return":
            self.drained.remove(step.host)
        elif step.action == "switchover":
            self._hand_over(step.host, step.to or "")
        else:
            self._work_on(step)

    def _hand_over(self, old: str, new: str) -> None:
        assert old == self.leader
        assert new in self.synchronous or not self.synchronous
        self.leader = new
        self._resynchronize(old)
        self.start(old)

    def _work_on(self, step: Step) -> None:
        self.outdated.discard(step.host)
        if step.host in self.members:
            self._resynchronize(step.host)
            self.start(step.host)
        if step.action != "restart" and step.host == self.etcd_leader:
            others = [name for name, roles in self.roles.items() if "etcd" in roles and name != step.host]
            self.etcd_leader = self.chance.choice(others) if others else step.host

    def _resynchronize(self, away: str) -> None:
        """Patroni drops who is away from the synchronous standbys, and takes another one for it."""
        standbys = [name for name in self.members if name != self.leader]
        if self.mode == "quorum":
            self.synchronous = set(standbys)
        elif self.mode == "sync":
            kept = [name for name in standbys if name != away and name in self.synchronous]
            rest = kept or [name for name in standbys if name != away]
            self.synchronous = {self.chance.choice(rest)} if rest else set(standbys)
