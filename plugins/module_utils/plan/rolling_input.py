# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rolling operation knows of a cluster when it plans its next step. Parsed once, here. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState, Member
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.voters import Voters

RESTART, UPDATE, REBOOT = "restart", "update", "reboot"
ACTIONS = (RESTART, UPDATE, REBOOT)
POSTGRES, ETCD, PROXY = "postgres", "etcd", "proxy"


@dataclass(frozen=True)
class Host:
    """One host. `roles`: of postgres, etcd and proxy. `drained`: taken out of the endpoints by this operation.

    `due` says why it needs an update or a reboot, and is empty where it needs none. `started`: when its PostgreSQL
    started, in seconds since the epoch.
    """

    name: str
    roles: frozenset[str]
    answers: bool = True
    drained: bool = False
    due: str = ""
    started: float | None = None


@dataclass(frozen=True)
class Wish:
    """What shall be done. `strict`: commits wait for a synchronous standby whatever happens; `writes_may_wait`: let
    them wait while the only one is away. `everybody`: restart all members whose PostgreSQL started before `began`.
    """

    action: str
    strict: bool = False
    writes_may_wait: bool = False
    everybody: bool = False
    began: float = 0.0


@dataclass(frozen=True)
class Situation:
    """Everything that a plan looks at."""

    cluster: ClusterState
    hosts: Mapping[str, Host]
    etcd: Voters = field(default_factory=Voters)

    def with_role(self, role: str) -> tuple[str, ...]:
        """Names of the hosts that do something."""
        return tuple(name for name, host in self.hosts.items() if role in host.roles)


def cluster_from_facts(facts: Mapping[str, Any]) -> ClusterState:
    """The cluster in what P(matriarch.pgcluster.patroni_cluster_info#module) returned as `cluster`."""
    known = {one.name for one in fields(Member)}
    members = [Member(**{key: value for key, value in m.items() if key in known}) for m in facts["members"]]
    return ClusterState(
        name=facts.get("name", ""),
        members=tuple(sorted(members, key=lambda m: m.name)),
        paused=facts.get("paused") is True,
        scheduled_switchover=facts.get("scheduled_switchover"),
    )


def hosts_from_facts(
    topology: Mapping[str, Any], seen: Mapping[str, Mapping[str, Any]], wish: Wish, drained: Collection[str]
) -> dict[str, Host]:
    """The hosts of a topology; those that are not in `seen` do not answer."""
    return {
        name: Host(
            name=name,
            roles=frozenset(role for role in (POSTGRES, ETCD, PROXY) if name in topology[role]),
            answers=name in seen,
            drained=name in drained,
            due=_due(seen.get(name, {}), wish),
            started=moment(seen.get(name, {}).get("started_at")),
        )
        for name in topology["hosts"]
    }


def without_start(hosts: Mapping[str, Host]) -> list[str]:
    """Hosts that answer, but whose PostgreSQL's start nobody looked for."""
    return [host.name for host in hosts.values() if POSTGRES in host.roles and host.answers and host.started is None]


def _due(seen: Mapping[str, Any], wish: Wish) -> str:
    if wish.action == UPDATE:
        reasons = {"newer packages are there": seen.get("outdated"), "former programs run": seen.get("outdated_units")}
        return "; ".join(f"{reason}: {', '.join(map(str, what))}" for reason, what in reasons.items() if what)
    booted = moment(seen.get("booted_at"))
    if wish.action == REBOOT and booted is not None and booted < wish.began:
        return "it has not booted since the operation began"
    return ""


def moment(value: object) -> float | None:
    """Seconds since the epoch, from such a number or a date in ISO 8601 with its zone. Raises ValueError."""
    if value is None or value == "":
        return None
    text = str(value)
    if text.replace(".", "", 1).isdecimal():
        return float(text)
    date = datetime.fromisoformat(text)
    if date.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return date.timestamp()
