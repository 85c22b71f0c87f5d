# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order members are restarted, or hosts updated or rebooted: one at a time, and nobody notices. Pure.

`next_turn` decides from the cluster as it is, and `plan_rolling` follows it in thought through the whole operation. So
an operation that was interrupted anywhere goes on with its rest when it is planned again.

Rules: nothing begins unless everybody is well; whoever was taken out of the endpoints comes back before the next one's
turn; standbys go before the leader, which hands over to one that is done, unless a parameter has to fall on the leader
first; the host of etcd's leader goes after the others that vote; etcd keeps its majority; and where commits wait for a
standby, one stays.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState, Member
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_due import due, leader_goes_first
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_foresight import foresee
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_input import (
    POSTGRES,
    PROXY,
    RESTART,
    Host,
    Situation,
    Wish,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_parameters import lowered, raised
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_safety import (
    costs,
    dangers,
    problems,
    problems_of,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_step import (
    DRAIN,
    RETURN,
    SWITCHOVER,
    Done,
    Plan,
    Refusal,
    Step,
)

MOST_STEPS = 8
"""For each host: twice drain, restart and return where values rise and fall at once, and a switchover."""


def plan_rolling(situation: Situation, wish: Wish) -> Plan:
    """Every step to the end. A refusal that comes later refuses the whole, before anything is done."""
    steps: list[Step] = []
    now = situation
    for _turn in range(MOST_STEPS * len(situation.hosts) + 1):
        decided = next_turn(now, wish)
        if isinstance(decided, Done):
            return Plan(steps=tuple(steps), warnings=tuple(_warnings(situation, wish, steps)))
        if isinstance(decided, Refusal):
            after = f"after the {steps[-1].action} of {steps[-1].host}: " if steps else ""
            return Plan(refused=tuple(f"{after}{reason}" for reason in decided.reasons))
        steps.append(decided)
        now = foresee(now, wish, decided)
    return Plan(refused=("the steps would never end. Next: look at what is pending with `patronictl list -e`",))


def next_turn(situation: Situation, wish: Wish) -> Step | Done | Refusal:
    """The one step that is next for the cluster as it is."""
    reasons = due(situation, wish)
    in_turn = next((host for host in situation.hosts.values() if host.drained), None)
    if not reasons and in_turn is None:
        return Done()
    if found := tuple(problems(situation, wish, in_turn)):
        return Refusal(found)
    if in_turn is not None and in_turn.name not in reasons:
        return _return(situation, in_turn)
    host = in_turn or min((situation.hosts[name] for name in reasons), key=lambda each: _order(situation, wish, each))
    if found := tuple(dangers(situation, wish, host)):
        return Refusal(found)
    member = situation.cluster.member(host.name)
    if member is not None and member.is_leader:
        return _step_of_leader(situation, wish, member, reasons)
    return _step_of_other(wish, host, reasons[host.name])


def _return(situation: Situation, host: Host) -> Step | Refusal:
    if found := tuple(problems_of(situation, host)):
        return Refusal(found)
    return Step(RETURN, host.name, "it had its turn, and is well again")


def _order(situation: Situation, wish: Wish, host: Host) -> tuple[Any, ...]:
    """Hosts that only vote or route, then asynchronous standbys, then the others, and the leader at one of the ends."""
    member = situation.cluster.member(host.name)
    leads = member is not None and member.is_leader
    first = leads and wish.action == RESTART and leader_goes_first(situation.cluster)
    led = wish.action != RESTART and host.name == situation.etcd.leader
    synchronous = member is not None and member.is_synchronous
    return (not first, leads, led, POSTGRES in host.roles, synchronous, host.name)


def _step_of_other(wish: Wish, host: Host, why: str) -> Step:
    has_clients = POSTGRES in host.roles or (PROXY in host.roles and wish.action != RESTART)
    if has_clients and not host.drained:
        return Step(DRAIN, host.name, f"clients shall go elsewhere: {why}")
    return Step(wish.action, host.name, why)


def _step_of_leader(situation: Situation, wish: Wish, leader: Member, reasons: dict[str, str]) -> Step | Refusal:
    why = reasons[leader.name]
    if wish.action == RESTART and (falling := ", ".join(sorted(lowered(leader)))):
        reason = f"{falling} must fall on the leader first, and a switchover would keep the old value"
        return Step(wish.action, leader.name, reason, in_place=True)
    if len(situation.cluster.members) == 1:
        return Step(wish.action, leader.name, f"{why}; there is nobody to hand over to", in_place=True)
    heirs = [m for m in situation.cluster.members if m.name not in reasons and _can_lead(situation, m)]
    if heirs and (behind := _left_behind(situation.cluster, heirs)):
        return Refusal((f"{behind} could not follow a new leader. Next: ansible-playbook rolling_restart.yml first",))
    if not heirs:
        return Refusal((f"{leader.name} leads, and nobody may take over. Next: look at the tags of the standbys",))
    heir = min(heirs, key=lambda m: (m.lag_bytes or 0, m.name))
    return Step(SWITCHOVER, leader.name, f"{why}; {heir.name} can lead meanwhile", to=heir.name)


def _can_lead(situation: Situation, member: Member) -> bool:
    """Where there are synchronous standbys, Patroni lets only those take over."""
    priority = member.tags.get("failover_priority", 1)
    if member.tags.get("nofailover") or (isinstance(priority, int) and priority <= 0):
        return False
    synchronous = member.is_synchronous or not _has_synchronous(situation.cluster)
    return member.name in situation.hosts and member.is_up and not member.is_leader and synchronous


def _left_behind(cluster: ClusterState, heirs: list[Member]) -> str:
    """The standbys that still have to raise what an heir has raised: their recovery would stop."""
    standbys = [m for m in cluster.members if not m.is_leader]
    behind = {m.name: sorted(raised(m)) for m in standbys for heir in heirs if raised(m) - raised(heir)}
    return ", ".join(f"{name} (with its old {', '.join(names)})" for name, names in behind.items())


def _has_synchronous(cluster: ClusterState) -> bool:
    return any(member.is_synchronous for member in cluster.members)


def _warnings(situation: Situation, wish: Wish, steps: list[Step]) -> list[str]:
    acts = [step for step in steps if step.action == wish.action]
    found = [cost for step in acts for cost in costs(situation, wish, situation.hosts[step.host])]
    found += [f"{step.host} leads while it is away: clients wait" for step in acts if step.in_place]
    return list(dict.fromkeys(found))
