# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host is taken out of a cluster for good, or why it must not be. Pure.

What is gone already is not planned again, so an interrupted removal goes on with its rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState, Member
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.voters import Voters

BACKUP_UNITS = (
    "matriarch-backup@scheduled.timer",
    "matriarch-backup@mend.timer",
    "matriarch-backup@canary.timer",
    "matriarch-drill@scheduled.timer",
    "matriarch-backup-server.service",
)
POSTGRES_UNITS = (
    *BACKUP_UNITS,
    "matriarch-fencer.service",
    "matriarch-waker.service",
    "matriarch-sentry.service",
    "patroni.service",
    "matriarch-guard.socket",
    "matriarch-guard.service",
)
PROXY_UNITS = ("keepalived.service", "pgbouncer@rw.service", "pgbouncer@ro.service", "haproxy.service")
ETCD_UNITS = ("etcd.service",)
STANDBYS_FOR = {"zero_loss": 2, "balanced": 1, "async": 0}
"""How many standbys each protection needs, so that writes go on as protected with one of the cluster's members away."""


@dataclass(frozen=True)
class Leaving:
    """A host that shall go, and what of it is still there.

    `units`: those that run there or would after a boot, empty where it does not answer. `routed_by`: the proxies whose
    HAProxy sends clients to it. `proxies`: those whose HAProxy answers, and the host itself where it is one. `members`:
    all that the inventory names. `slots`: the replication slots on each member. `unprotected`: the user accepts that no
    synchronous standby is left.
    """

    name: str
    answers: bool = True
    units: tuple[str, ...] = ()
    routed_by: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    protection: str = "async"
    unprotected: bool = False


@dataclass(frozen=True)
class RemovalStep:
    """One step; `action` is one of these, `on` says at which hosts, and `units` what is stopped there.

    unroute: HAProxy sends nobody there any more. stop_proxy, stop_postgres, stop_etcd: its units are stopped and
    disabled. forget: wait until Patroni lists it no more, which takes its ttl. drop_slot: its replication slot goes.
    move_etcd_leader: another voter leads etcd. remove_etcd: it is no member of etcd any more.
    """

    action: str
    on: tuple[str, ...]
    reason: str
    units: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """The step as a filter returns it."""
        return {**asdict(self), "on": list(self.on), "units": list(self.units)}


@dataclass(frozen=True)
class RemovalPlan:
    """The steps in their order, or none and the reasons; `warnings` tell what is lost by it."""

    steps: tuple[RemovalStep, ...] = ()
    refused: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def plan_removal(cluster: ClusterState, leaving: Leaving, etcd: Voters) -> RemovalPlan:
    """The steps that are left; none when the host is gone already."""
    steps = tuple(_steps(cluster, leaving, etcd))
    if not steps:
        return RemovalPlan()
    if refused := tuple(_objections(cluster, leaving, etcd)):
        return RemovalPlan(refused=refused)
    return RemovalPlan(steps, warnings=tuple(_losses(cluster, leaving, etcd)))


def slot_name(member: str) -> str:
    """The replication slot that Patroni makes for a member (`slot_name_from_member_name` in its dcs package)."""

    def replaced(match: re.Match[str]) -> str:
        return "_" if match[0] in "-." else f"u{ord(match[0]):04d}"

    return re.sub("[^a-z0-9_]", replaced, member.lower())[:63]


def _steps(cluster: ClusterState, leaving: Leaving, etcd: Voters) -> Iterator[RemovalStep]:
    """Clients go first, then PostgreSQL, and its vote in etcd last, while etcd still runs there."""
    here = (leaving.name,)
    if leaving.routed_by:
        yield RemovalStep("unroute", leaving.routed_by, "no client shall be sent there")
    if units := _present(leaving, PROXY_UNITS):
        yield RemovalStep("stop_proxy", here, "its own endpoints close", units)
    if units := _present(leaving, POSTGRES_UNITS):
        yield RemovalStep("stop_postgres", here, "it stops replicating, in order", units)
    if cluster.member(leaving.name):
        yield RemovalStep("forget", _speakers(cluster, leaving), "Patroni shall not count on it")
    if (holders := _slot_holders(cluster, leaving)) and not _others_away(cluster, leaving):
        yield RemovalStep("drop_slot", holders, "its slot would keep WAL until the disk is full")
    if leaving.name in etcd.healthy and etcd.leader == leaving.name and len(etcd.healthy) > 1:
        yield RemovalStep("move_etcd_leader", here, "etcd shall not have to elect")
    if leaving.name in etcd.healthy or leaving.name in etcd.learners:
        left = etcd.without(leaving.name)
        yield RemovalStep(
            "remove_etcd", _voters(left), f"it is no member any more; {len(left.healthy)} voters are left"
        )
    if units := _present(leaving, ETCD_UNITS):
        yield RemovalStep("stop_etcd", here, "its member is gone", units)


def _objections(cluster: ClusterState, leaving: Leaving, etcd: Voters) -> Iterator[str]:
    name, leader = leaving.name, cluster.leader
    member = cluster.member(name)
    if cluster.paused:
        yield "Patroni is paused, so nobody would take over meanwhile. Next: playbooks/maintenance.yml -e state=resumed"
    if leader is None:
        yield "the cluster has no leader. Next: playbooks/status.yml"
    if member is not None and member is leader:
        yield f"{name} leads. Next: playbooks/switchover.yml, and then this again"
    if member is not None and member.is_up and not leaving.answers:
        yield f"{name} runs, but does not answer, so it cannot be stopped. Next: bring it back, or cut its power"
    if leaving.proxies == (name,):
        yield f"{name} is the only proxy that answers: no endpoint would be left. Next: add or repair another one"
    yield from _objections_of_protection(cluster, leaving)
    yield from _objections_of_etcd(leaving, etcd)


def _objections_of_protection(cluster: ClusterState, leaving: Leaving) -> Iterator[str]:
    if leaving.protection == "async" or not _has_postgres(cluster, leaving) or _standbys(cluster, leaving):
        return
    if leaving.protection == "zero_loss":
        yield (
            f"{leaving.name} is the last standby that commits can wait for: without it nothing could be written. "
            "Next: add or repair another one, or declare a lower pgcluster_protection first"
        )
    elif not leaving.unprotected:
        yield (
            f"{leaving.name} is the last standby: the leader would be the only copy. "
            "Next: add or repair another one, or accept that: unprotected=true"
        )


def _objections_of_etcd(leaving: Leaving, etcd: Voters) -> Iterator[str]:
    """Without a majority the leader leads only as long as every member confirms it (Patroni's failsafe mode)."""
    left = etcd.without(leaving.name)
    if not etcd.has_majority:
        yield f"etcd has no majority, so nobody may leave: {etcd.told}. Next: bring its members back"
    elif not left.healthy:
        yield f"{leaving.name} is the last voter of etcd. Next: add another one first"
    elif not left.has_majority:
        yield f"etcd would lose its majority without {leaving.name}: then {left.told}. Next: bring its members back"


def _losses(cluster: ClusterState, leaving: Leaving, etcd: Voters) -> Iterator[str]:
    needed = STANDBYS_FOR[leaving.protection]
    standbys = [m for m in cluster.members if not m.is_leader and m.name != leaving.name]
    if _has_postgres(cluster, leaving) and len(standbys) < needed:
        yield f"{leaving.protection} needs {needed} standbys, so that one may be away; {len(standbys)} would be left"
    if standbys:
        yield from cluster.problems([m.name for m in standbys])
    left = len(etcd.healthy) - 1
    if leaving.name in etcd.healthy and left % 2 == 0:
        yield (
            f"{left} voters of etcd survive no more failures than {left - 1}. "
            "Next: put another host into the group etcd, or take one more out, before site.yml"
        )
    if (holders := _slot_holders(cluster, leaving)) and (away := _others_away(cluster, leaving)):
        yield (
            f"the slot of {leaving.name} on {', '.join(holders)} keeps WAL until Patroni's member_slots_ttl is over: "
            f"dropped at once, that of {', '.join(away)} would go too, and it could not catch up"
        )


def _present(leaving: Leaving, units: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(unit for unit in units if unit in leaving.units)


def _has_postgres(cluster: ClusterState, leaving: Leaving) -> bool:
    return cluster.member(leaving.name) is not None or bool(_present(leaving, POSTGRES_UNITS))


def _standbys(cluster: ClusterState, leaving: Leaving) -> list[Member]:
    """The other standbys that commits can wait for."""
    others = [m for m in cluster.members if m.name != leaving.name and not m.is_leader]
    return [m for m in others if m.is_up and not m.tags.get("nosync")]


def _speakers(cluster: ClusterState, leaving: Leaving) -> tuple[str, ...]:
    return tuple(m.name for m in cluster.members if m.name != leaving.name)


def _slot_holders(cluster: ClusterState, leaving: Leaving) -> tuple[str, ...]:
    """Members with its slot. Several members may share one by Patroni's rule; then it stays."""
    slot = slot_name(leaving.name)
    if any(slot_name(m.name) == slot for m in cluster.members if m.name != leaving.name):
        return ()
    return tuple(name for name, slots in leaving.slots.items() if slot in slots and name != leaving.name)


def _others_away(cluster: ClusterState, leaving: Leaving) -> tuple[str, ...]:
    """Members that Patroni does not list now, and whose slots it keeps for a while, too."""
    return tuple(name for name in leaving.members if name != leaving.name and cluster.member(name) is None)


def _voters(etcd: Voters) -> tuple[str, ...]:
    return tuple(name for name, healthy in etcd.healthy.items() if healthy)
