# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be well before a step of a rolling operation, and what a step would cost. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import Member
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_input import (
    ETCD,
    POSTGRES,
    PROXY,
    RESTART,
    Host,
    Situation,
    Wish,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.voters import Voters


def problems(situation: Situation, wish: Wish, in_turn: Host | None) -> Iterator[str]:
    """What is not well. Whoever is having its turn may be down: it is to be finished."""
    cluster, except_for = situation.cluster, in_turn.name if in_turn else None
    if cluster.paused:
        yield "Patroni is paused, so nobody would take over. Next: end the maintenance mode"
    if cluster.scheduled_switchover:
        yield f"a switchover is scheduled at {cluster.scheduled_switchover.get('at')}. Next: wait for it, or cancel it"
    for problem in cluster.problems([name for name in situation.with_role(POSTGRES) if name != except_for]):
        yield f"{problem}. Next: ansible-playbook status.yml"
    if situation.with_role(ETCD) and not situation.etcd.has_majority:
        yield f"etcd has no majority: {situation.etcd.told}. Next: bring its members back"
    away = [host.name for host in situation.hosts.values() if not host.answers and _matters(host, wish)]
    if others := ", ".join(sorted(name for name in away if name != except_for)):
        yield f"not answering: {others}; two hosts are never away at once. Next: bring them back, or remove them"


def problems_of(situation: Situation, host: Host) -> Iterator[str]:
    """What keeps a host that had its turn from serving again."""
    if not host.answers:
        yield f"{host.name} does not answer. Next: look at its console"
    if POSTGRES in host.roles:
        for problem in situation.cluster.problems((host.name,)):
            yield f"{problem}. Next, on {host.name}: journalctl -u patroni -n 50"
    if not situation.etcd.healthy.get(host.name, True):
        yield f"etcd on {host.name} is not back. Next, there: journalctl -u etcd -n 50"


def dangers(situation: Situation, wish: Wish, host: Host) -> Iterator[str]:
    """What forbids to take this host away for a while."""
    if not host.answers:
        yield f"{host.name} does not answer. Next: bring it back, or remove it"
    if wish.action != RESTART and _would_stop(situation.etcd, host):
        yield f"etcd would lose its majority without {host.name}: {situation.etcd.told}. Next: bring its members back"
    member = situation.cluster.member(host.name)
    is_standby = member is not None and not member.is_leader
    if is_standby and wish.strict and not wish.writes_may_wait and not _others_confirm(situation, host):
        yield (
            f"{host.name} is the last standby that commits can wait for: writes would wait until it is back. "
            "Next: add a standby, or allow that with writes_may_wait"
        )


def costs(situation: Situation, wish: Wish, host: Host) -> Iterator[str]:
    """What no order can avoid, to be known before."""
    if wish.action == RESTART:
        return
    if ETCD in host.roles and len(situation.etcd.healthy) == 1:
        yield f"{host.name} is etcd's only voter: nobody could take over while it is away"
    if situation.with_role(PROXY) == (host.name,):
        yield f"{host.name} is the only proxy: clients lose their connections"


def _matters(host: Host, wish: Wish) -> bool:
    """A restart touches PostgreSQL's hosts alone."""
    return wish.action != RESTART or POSTGRES in host.roles


def _would_stop(etcd: Voters, host: Host) -> bool:
    """A single voter can be spared in no order; Patroni's failsafe mode bridges its absence."""
    return host.name in etcd.healthy and len(etcd.healthy) > 1 and not etcd.survives_absence_of(host.name)


def _others_confirm(situation: Situation, host: Host) -> bool:
    return any(can_confirm(member) for member in situation.cluster.members if member.name != host.name)


def can_confirm(member: Member) -> bool:
    """True for a standby that commits can wait for."""
    return member.is_up and not member.is_leader and not member.tags.get("nosync")
