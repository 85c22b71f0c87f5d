# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What weakens the way to the cluster, as its hosts tell it: proxies, poolers, certificates, slots, archiving. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import Member
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.pooler import resume_command
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proxy import undrain_command
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.status import CLUSTER, Finding, Status
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.remedies import (
    bring_back,
    clone_again,
    clone_if_stuck,
    converge,
    journal,
    listed,
    restart,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.removal import slot_name
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.words import size


def silent_hosts(status: Status) -> Iterator[Finding]:
    for name in status.silent_hosts:
        yield Finding(name, "the host does not answer", bring_back(name))


def proxies_that_are_down(status: Status) -> Iterator[Finding]:
    for host, proxy in status.proxies():
        if proxy.error:
            yield Finding(host, f"its HAProxy does not answer: {proxy.error}", restart("haproxy", host))


def proxies_without_a_leader(status: Status) -> Iterator[Finding]:
    """Told of single proxies; that none has a leader is critical."""
    for host, proxy in status.proxies():
        if not proxy.error and not proxy.leaders and status.takes_writes:
            yield Finding(host, "its HAProxy has no way to a leader", journal("haproxy", [host]))


def proxies_that_see_another_leader(status: Status) -> Iterator[Finding]:
    leader = status.leader.name if status.leader else None
    for host, proxy in status.proxies():
        others = [name for name in proxy.leaders if name != leader]
        if leader and others:
            problem = f"its HAProxy sends writes to {listed(others)}, but the leader is {leader}"
            yield Finding(host, problem, journal("haproxy", [host]))


def proxies_without_replicas(status: Status) -> Iterator[Finding]:
    for host, proxy in status.proxies():
        readable = [m for m in status.standbys() if m.is_up and not m.tags.get("noloadbalance")]
        if not proxy.error and not proxy.replicas and readable:
            yield Finding(host, "its HAProxy has no replica for reads", journal("haproxy", [host]))


def servers_taken_out(status: Status) -> Iterator[Finding]:
    """Drained or in maintenance, by hand or by an operation that did not end."""
    for host, proxy in status.proxies():
        for server in proxy.taken_out:
            problem = f"its HAProxy gives {server.name} no new connections: somebody took it out"
            yield Finding(host, problem, f"{shlex.join(undrain_command(server.backend, server.name))}, on {host}")


def several_have_the_virtual_address(status: Status) -> Iterator[Finding]:
    """Where they do not hear each other: VRRP, protocol 112, may be blocked between them."""
    carriers = status.carriers() or ()
    if len(carriers) > 1:
        yield Finding(CLUSTER, f"{listed(carriers)} all carry the virtual address", journal("keepalived", carriers))


def poolers_that_are_down(status: Status) -> Iterator[Finding]:
    for host, pooler in status.poolers():
        if pooler.error:
            problem = f"its pooler {pooler.name} does not answer: {pooler.error}"
            yield Finding(host, problem, restart(f"pgbouncer@{pooler.name}", host))


def paused_poolers(status: Status) -> Iterator[Finding]:
    for host, pooler in status.poolers():
        if pooler.paused:
            held = f"its pooler {pooler.name} is paused: it holds its clients"
            yield Finding(host, held, f"{shlex.join(resume_command(pooler.name))}, on {host}")


def waiting_clients(status: Status) -> Iterator[Finding]:
    limit = status.limits.waiting_clients
    for host, pooler in status.poolers():
        if pooler.waiting > limit:
            problem = f"{pooler.waiting} clients wait in its pooler {pooler.name}, more than {limit}"
            yield Finding(host, problem, journal(f"pgbouncer@{pooler.name}", [host]))


def certificates_that_run_out(status: Status) -> Iterator[Finding]:
    limit = status.limits.certificate_days
    for host, certificate in status.certificates():
        if 0 < certificate.days_left < limit:
            problem = f"its certificate {certificate.path} expires in {certificate.days_left:.0f} days"
            yield Finding(host, problem, converge(host))


def lost_slots(status: Status) -> Iterator[Finding]:
    """A member that has no other source for that WAL does not stream: only a new copy brings it back.

    It asks for that WAL several times a second, and is refused only after it has begun to stream: for that moment
    Patroni says so, too, and only its lag tells it from one that follows.
    """
    standbys = {slot_name(member.name): member for member in status.standbys() if member.is_up}
    for host, instance in status.instances():
        for slot in instance.slots:
            if slot.lost:
                problem = f"its replication slot {slot.name} has lost WAL that its reader needs"
                yield Finding(host, problem, _way_out(standbys.get(slot.name), status) or journal("patroni", [host]))


def _way_out(reader: Member | None, status: Status) -> str | None:
    """What a member needs whose slot is lost; None for one that follows, and for a reader that is none."""
    if reader is None:
        return None
    if reader.state == "running":
        return clone_again(reader.name)
    return clone_if_stuck(reader.name) if reader.worst_lag_bytes > status.limits.lag_bytes else None


def slots_that_keep_much(status: Status) -> Iterator[Finding]:
    limit = status.limits.slot_bytes
    for host, instance in status.instances():
        for slot in instance.slots:
            if slot.retained_bytes > limit:
                kept, most = size(slot.retained_bytes), size(limit)
                problem = f"its replication slot {slot.name} keeps {kept} of WAL, more than {most}"
                yield Finding(host, problem, journal("patroni", [host]))


def failing_archivers(status: Status) -> Iterator[Finding]:
    for host, instance in status.instances():
        if instance.archiving_fails:
            yield Finding(host, f"archiving fails: {instance.archiving_fails}", journal("patroni", [host]))


def stopped_units(status: Status) -> Iterator[Finding]:
    for name, host in status.hosts.items():
        for unit, state in host.stopped_units.items():
            yield Finding(name, f"{unit} is {state}", restart(unit, name))


def other_problems(status: Status) -> Iterator[Finding]:
    """What the host could not find out."""
    for name, host in status.hosts.items():
        for problem in host.problems:
            yield Finding(name, f"it did not tell everything: {problem}", converge(name))


SILENCE = (silent_hosts,)

RULES = (
    proxies_that_are_down,
    proxies_without_a_leader,
    proxies_that_see_another_leader,
    proxies_without_replicas,
    servers_taken_out,
    several_have_the_virtual_address,
    poolers_that_are_down,
    paused_poolers,
    waiting_clients,
    certificates_that_run_out,
    lost_slots,
    slots_that_keep_much,
    failing_archivers,
    stopped_units,
    other_problems,
)
