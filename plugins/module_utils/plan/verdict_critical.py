# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps clients from writing now, or puts data at risk now. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.status import CLUSTER, ETCD, Finding, Status
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.remedies import (
    FAILOVER,
    converge,
    journal,
    listed,
)


def etcd_without_majority(status: Status) -> Iterator[Finding]:
    """Without it Patroni elects nobody, and a leader goes on only while failsafe mode lets it."""
    if status.etcd is None:
        return
    state = status.etcd.state
    if state is None:
        why = "; ".join(f"{url}: {reason}" for url, reason in status.etcd.unanswered.items())
        yield Finding(ETCD, f"none of its servers answers ({why})", journal("etcd", status.hosts_of("etcd")))
    elif state.leader is None:
        sick = [m.name for m in state.voters if not state.is_healthy(m)]
        yield Finding(ETCD, f"no leader: {state.majority}", journal("etcd", sick))


def nobody_answers(status: Status) -> Iterator[Finding]:
    """A Patroni that is well does not tell of the cluster either while it waits for etcd."""
    if status.cluster is None:
        why = "; ".join(f"{url}: {reason}" for url, reason in status.unanswered.items())
        if why and any(etcd_without_majority(status)):
            problem = f"no Patroni tells how its members are, for each waits for etcd ({why})"
            yield Finding(CLUSTER, problem, journal("etcd", status.hosts_of("etcd")))
            return
        problem = f"no Patroni answers ({why})" if why else "no host answers, so nobody could be asked"
        yield Finding(CLUSTER, problem, journal("patroni", status.hosts_of("postgres")))


def no_leader(status: Status) -> Iterator[Finding]:
    if status.cluster and status.cluster.leader is None:
        yield Finding(CLUSTER, "it has no leader: nobody takes writes", FAILOVER)


def leader_not_running(status: Status) -> Iterator[Finding]:
    leader = status.leader
    if leader and not leader.is_up:
        yield Finding(leader.name, f"it leads, but its PostgreSQL is {leader.state}", journal("patroni", [leader.name]))


def leader_is_silent(status: Status) -> Iterator[Finding]:
    """Patroni calls a host that is off the leader until its lease has run out; nobody else may lead before."""
    leader = status.leader
    if leader and status.is_silent(leader.name):
        problem = "it leads, but its host does not answer: writes may wait for its lease to end"
        yield Finding(leader.name, problem, FAILOVER)


def several_primaries(status: Status) -> Iterator[Finding]:
    """By what each PostgreSQL says of itself, whatever Patroni thinks."""
    primaries = [name for name, instance in status.instances() if instance.in_recovery is False]
    if len(primaries) < 2:
        return
    leader = status.leader.name if status.leader else None
    others = [name for name in primaries if name != leader]
    stop = f"systemctl stop patroni, on {listed(others)}"
    known = f" (the leader is {leader})" if leader in primaries else ""
    yield Finding(CLUSTER, f"{listed(primaries)} all take writes: the data is splitting{known}", stop)


def commits_wait_in_vain(status: Status) -> Iterator[Finding]:
    """Strict synchronous replication acknowledges nothing while no standby streams."""
    if status.leader and status.takes_writes and status.sync.strict and not any(m.is_up for m in status.standbys()):
        problem = "commits wait for a synchronous standby, and none streams"
        yield Finding(status.leader.name, problem, journal("patroni", [m.name for m in status.standbys()]))


def no_way_to_the_leader(status: Status) -> Iterator[Finding]:
    """Every proxy, silent ones included. A standby cluster takes no writes, so that its proxies have no leader."""
    expected = status.hosts_of("proxy")
    if not expected or status.is_standby:
        return
    if not any(proxy.leaders for _host, proxy in status.proxies()):
        reached = [name for name in expected if not status.is_silent(name)]
        yield Finding(CLUSTER, "no proxy has a way to a leader", journal("haproxy", reached or expected))


def nobody_has_the_virtual_address(status: Status) -> Iterator[Finding]:
    """As long as all proxies answer: one that is silent may have it."""
    proxies = status.hosts_of("proxy")
    if status.carriers() == () and not any(status.is_silent(name) for name in proxies):
        yield Finding(CLUSTER, "no proxy carries the virtual address", journal("keepalived", proxies))


def expired_certificates(status: Status) -> Iterator[Finding]:
    for host, certificate in status.certificates():
        if certificate.days_left <= 0:
            yield Finding(host, f"its certificate {certificate.path} has expired", converge(host))


RULES = (
    etcd_without_majority,
    nobody_answers,
    no_leader,
    leader_not_running,
    leader_is_silent,
    several_primaries,
    commits_wait_in_vain,
    no_way_to_the_leader,
    nobody_has_the_virtual_address,
    expired_certificates,
)
