# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fault on a living cluster would do, what must happen then, and why it must not be tried now. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Literal

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.timing import Timing
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.timing import Bound, bounds
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.voters import Voters

Leadership = Literal["stays", "moves", "any"]
STAYS: Leadership = "stays"
MOVES: Leadership = "moves"
ANY: Leadership = "any"

RECONNECT = Bound("proxy_stopped", (("clients see that their proxy is gone and log in at another one", 3.0),))
SPARE = 30.0
"""Seconds for which a fault outlives its time, before the host undoes it by itself."""


@dataclass(frozen=True)
class Kind:
    """A fault as a user names it: what it does, on a host of which group, and the bound of the leader's failover.

    No bound: the leader stays. `away`: the host, or its member, is gone meanwhile; `lasts`: somebody has to undo it.
    """

    does: str
    group: str = "postgres"
    bound: str = ""
    away: bool = False
    lasts: bool = False


KINDS = {
    "kill_postgres": Kind("PostgreSQL's first process is killed", bound="postgresql_crash", away=True),
    "kill_patroni": Kind("Patroni is killed, and started again by systemd"),
    "freeze_patroni": Kind("Patroni is stopped in its course (SIGSTOP)", bound="patroni_frozen", away=True, lasts=True),
    "stop_patroni": Kind(
        "Patroni is stopped in order, and PostgreSQL with it", bound="clean_stop", away=True, lasts=True
    ),
    "power_cut": Kind("the host restarts at once, without stopping or writing anything", "", "host_lost", away=True),
    "partition": Kind(
        "nothing but SSH passes between it and the other hosts of the cluster", "", "host_lost", away=True, lasts=True
    ),
    "cut_etcd": Kind("it reaches no etcd on other hosts", lasts=True),
    "stop_etcd": Kind("its etcd is stopped", "etcd", lasts=True),
    "stop_proxy": Kind("its HAProxy and PgBouncer are stopped", "proxy", lasts=True),
}
WHOLE_HOST = ("power_cut", "partition")
UNNOTICED = ("cut_etcd", "stop_etcd")
"""Faults of which pooled clients must not see so much as one error."""


@dataclass(frozen=True)
class Wish:
    """What the user asks for. `seconds`: how long a fault lasts that moves nobody; `tolerance`: bounds it may cost."""

    fault: str
    target: str = ""
    seconds: float = 20.0
    tolerance: float = 1.0


@dataclass(frozen=True)
class Stage:
    """The cluster that it would happen to. Groups: the hosts by name; `reached`: those that answer.

    `watched`: whether somebody stops a leader whose Patroni hangs.
    """

    cluster: ClusterState
    etcd: Voters
    groups: Mapping[str, tuple[str, ...]]
    reached: tuple[str, ...]
    timing: Timing
    protection: str = "async"
    failsafe: bool = False
    follows: str = ""
    watched: bool = True

    @property
    def leader(self) -> str:
        return self.cluster.leader.name if self.cluster.leader else ""

    def without(self, group: str, name: str) -> tuple[str, ...]:
        return tuple(each for each in self.groups[group] if each != name and each in self.reached)


@dataclass(frozen=True)
class Plan:
    """What happens where, and what is held against it afterwards; or `refused`, the reasons.

    `lasts`: seconds, at most, until it is undone; `heal_after`: until the host does so itself; 0: nothing to undo.
    `avoid`: hosts from which no client is sent; `through`: the proxy that clients use first. `witness`: the member that
    looks on. `peers`: the hosts that it is parted from.
    """

    fault: str
    target: str
    leads: bool
    leadership: Leadership
    budget: Bound
    allowed: float
    lasts: float
    heal_after: float
    avoid: tuple[str, ...]
    through: str
    witness: str
    peers: tuple[str, ...]
    refused: tuple[str, ...] = field(default=())


def plan_drill(stage: Stage, wish: Wish) -> Plan:
    """Raises ValueError for a fault that is none."""
    if wish.fault not in KINDS:
        raise ValueError(f"there is no fault {wish.fault!r}; there are {', '.join(KINDS)}")
    kind = KINDS[wish.fault]
    target = wish.target or _default_target(stage, kind)
    budget, moves = _budget(stage, wish.fault, target), _leadership(stage, kind, target)
    allowed = round(budget.seconds * wish.tolerance, 1)
    lasts = float(ceil(max(budget.seconds, allowed))) if moves == MOVES else wish.seconds
    hosts = {name for names in stage.groups.values() for name in names}
    away = wish.fault in WHOLE_HOST or wish.fault == "stop_proxy"
    return Plan(
        fault=wish.fault,
        target=target,
        leads=target == stage.leader,
        leadership=moves,
        budget=budget,
        allowed=allowed,
        lasts=lasts,
        heal_after=lasts + SPARE if kind.lasts else 0.0,
        avoid=(target,) if away else (),
        through=target if wish.fault == "stop_proxy" else "",
        witness=next(iter(stage.without("postgres", target)), ""),
        peers=_peers(stage, wish.fault, target, sorted(hosts)),
        refused=tuple(_objections(stage, wish.fault, target)),
    )


def _default_target(stage: Stage, kind: Kind) -> str:
    """The leader's host, where it hurts most; where it is not concerned, the first one that is."""
    concerned = stage.groups[kind.group] if kind.group else (stage.leader,)
    return stage.leader if stage.leader in concerned else next(iter(concerned), "")


def _leadership(stage: Stage, kind: Kind, target: str) -> Leadership:
    if target != stage.leader or not kind.bound:
        return STAYS
    may_start_again = kind.bound == "postgresql_crash" and stage.timing.primary_start_timeout
    return ANY if may_start_again else MOVES


def _budget(stage: Stage, fault: str, target: str) -> Bound:
    """The bound that the cluster's timeouts promise. Where the leader stays, it may cost no more than a crash would."""
    kind = KINDS[fault]
    if fault == "stop_proxy":
        return RECONNECT
    named = kind.bound or "postgresql_crash"
    if fault in WHOLE_HOST:
        is_member = target in stage.groups["postgres"]
        led_etcd = target == stage.etcd.leader
        named = "postgresql_crash" if not is_member else "host_lost_with_etcd_leader" if led_etcd else "host_lost"
    return next(bound for bound in bounds(stage.timing) if bound.fault == named)


def _peers(stage: Stage, fault: str, target: str, hosts: Iterable[str]) -> tuple[str, ...]:
    names = {"partition": hosts, "cut_etcd": stage.groups["etcd"]}.get(fault, ())
    return tuple(name for name in names if name != target)


def _objections(stage: Stage, fault: str, target: str) -> Iterator[str]:
    kind = KINDS[fault]
    concerned = stage.groups[kind.group] if kind.group else [name for names in stage.groups.values() for name in names]
    if target not in concerned:
        chosen = ", ".join(dict.fromkeys(concerned))
        yield f"{fault} is for one of {chosen}, not for {target or 'nobody'}. Next: -e target=HOST"
    if stage.follows:
        yield f"this cluster follows {stage.follows} and takes no writes that could be measured. Next: drill that one"
    if target not in stage.reached:
        yield f"{target} does not answer. Next: ansible-playbook status.yml"
    yield from _objections_of_members(stage, kind, target)
    if fault == "freeze_patroni" and target == stage.leader and not stage.watched:
        yield f"patroni_watchdog is off: {target} would take writes on beside a new leader. Next: turn it on first"
    yield from _objections_of_etcd(stage, fault, target)
    if not stage.without("proxy", target):
        yield f"{target} is the only proxy that answers: no client could be sent. Next: add another one first"


def _objections_of_members(stage: Stage, kind: Kind, target: str) -> Iterator[str]:
    """With zero_loss commits wait for a standby, so that two members are needed besides the one that is away."""
    needed = 2 if kind.away and stage.protection == "zero_loss" else 1
    left = [member for member in stage.cluster.members if member.is_up and member.name != target]
    if target in stage.groups["postgres"] and len(left) < needed:
        yield (
            f"{needed} member{'s have' if needed > 1 else ' has'} to run besides {target}, and {len(left)} would. "
            "Next: add or repair one first"
        )


def _objections_of_etcd(stage: Stage, fault: str, target: str) -> Iterator[str]:
    takes_its_voter = fault in (*WHOLE_HOST, "stop_etcd", "cut_etcd")
    if takes_its_voter and not stage.etcd.survives_absence_of(target):
        yield f"etcd would lose its majority without {target}: {stage.etcd.told}. Next: add another member first"
    if fault == "cut_etcd" and target == stage.leader and not stage.failsafe:
        yield "failsafe_mode is off, so that nobody could write meanwhile. Next: turn it on, and then this again"


def lines(plan: Plan, cluster: str) -> list[str]:
    """The plan to be read."""
    terms = " + ".join(f"{seconds:g}" for _what, seconds in plan.budget.terms)
    undone = f"after {plan.lasts:.0f} s at most; by the host itself after {plan.heal_after:.0f} s, should this run die"
    return [
        f"{plan.fault} on {plan.target}, which {'leads' if plan.leads else 'does not lead'} {cluster}",
        f"  what happens  {KINDS[plan.fault].does}",
        f"  must follow   {_must(plan)}",
        f"  writes pause  no longer than {plan.allowed:g} s ({plan.budget.fault}: {terms} s)",
        *(f"                {seconds:g} s: {what}" for what, seconds in plan.budget.terms),
        f"  undone        {undone if plan.heal_after else 'by the host and by Patroni, without any help'}",
    ]


def _must(plan: Plan) -> str:
    follows = {
        STAYS: "the leader stays",
        MOVES: "another member leads, on a new timeline",
        ANY: "it starts again, or another member leads",
    }[plan.leadership]
    quiet = ", pooled clients see no error" if plan.fault in UNNOTICED else ""
    return f"{follows}{quiet}, no acknowledged row is lost, and the cluster is whole again by itself"


def facts(plan: Plan, cluster: str) -> dict[str, Any]:
    """The plan as a filter returns it."""
    names = ("fault", "target", "leads", "leadership", "allowed", "lasts", "heal_after", "through", "witness")
    listed = {name: list(getattr(plan, name)) for name in ("avoid", "peers", "refused")}
    return {**{name: getattr(plan, name) for name in names}, **listed, "lines": lines(plan, cluster)}
