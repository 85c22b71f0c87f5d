# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What weakens the cluster as Patroni and etcd see it, so that it may not survive the next fault as promised. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import Member
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd import EtcdMember, EtcdState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.following import BEHIND, SILENT
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.status import CLUSTER, ETCD, Finding, Status
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.remedies import (
    DISARM_ETCD,
    END_MAINTENANCE,
    FOLLOWER,
    JOIN_ETCD_ANEW,
    ROLLING_RESTART,
    SITE,
    bring_back,
    clone_again,
    clone_if_stuck,
    converge,
    finish_restore,
    journal,
    listed,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.words import size


def half_done_restore(status: Status) -> Iterator[Finding]:
    """Its cluster was stopped for it, so nothing but its end brings that back as it shall be."""
    if status.restore and status.restore.stopped:
        yield Finding(
            CLUSTER, f"a restore to {status.restore.target} is half done", finish_restore(status.restore.cluster)
        )


def missing_members(status: Status) -> Iterator[Finding]:
    if status.cluster is None:
        return
    for name in status.members:
        if status.cluster.member(name) is None:
            then = bring_back(name) if status.is_silent(name) else converge(name)
            yield Finding(name, "it is not a member of the cluster", then)


def standbys_that_do_not_follow(status: Status) -> Iterator[Finding]:
    for member in _judged(status):
        if not member.is_up:
            then = bring_back(member.name) if status.is_silent(member.name) else journal("patroni", [member.name])
            yield Finding(member.name, f"its PostgreSQL is {member.state}", then)


def standbys_that_do_not_stream(status: Status) -> Iterator[Finding]:
    """Patroni says running of a standby that gets WAL from nowhere; with no writes it is not even seen to lag."""
    leads = status.leader is not None and status.leader.is_up
    for member in _judged(status):
        if leads and member.state == "running":
            yield Finding(member.name, "it runs, but does not stream from the leader", clone_if_stuck(member.name))


def other_timelines(status: Status) -> Iterator[Finding]:
    leads = status.leader.timeline if status.leader else None
    for member in _judged(status):
        if member.is_up and leads is not None and member.timeline != leads:
            on = f"on timeline {member.timeline}" if member.timeline else "on a timeline that it does not tell"
            yield Finding(member.name, f"it is {on}, the leader on {leads}", clone_again(member.name))


def no_synchronous_standby(status: Status) -> Iterator[Finding]:
    if status.leader and status.wants_synchronous and not any(m.is_synchronous for m in status.cluster_members):
        problem = "no standby is synchronous, though commits shall wait for one"
        yield Finding(CLUSTER, problem, journal("patroni", [m.name for m in status.standbys()]))


def lags_in_bytes(status: Status) -> Iterator[Finding]:
    limit = status.limits.lag_bytes
    for member in _judged(status):
        if member.is_up and member.worst_lag_bytes > limit:
            problem = f"it is {size(member.worst_lag_bytes)} behind the leader, more than {size(limit)}"
            yield Finding(member.name, problem, journal("patroni", [member.name]))


def lags_in_seconds(status: Status) -> Iterator[Finding]:
    limit = status.limits.lag_seconds
    for member in _judged(status):
        if member.is_up and member.lag_seconds is not None and member.lag_seconds > limit:
            problem = f"it is {member.lag_seconds:.0f} s behind the leader, more than {limit:g}"
            yield Finding(member.name, problem, journal("patroni", [member.name]))


def pending_restarts(status: Status) -> Iterator[Finding]:
    for member in status.cluster_members:
        if member.pending_restart:
            waiting = f": {listed(member.pending_restart_reason)}" if member.pending_restart_reason else ""
            yield Finding(member.name, f"settings wait for a restart{waiting}", ROLLING_RESTART)


def paused(status: Status) -> Iterator[Finding]:
    if status.cluster and status.cluster.paused:
        yield Finding(CLUSTER, "Patroni is paused: nobody takes over when the leader fails", END_MAINTENANCE)


def standby_cluster_behind(status: Status) -> Iterator[Finding]:
    """What lies in the archive is replayed within a minute; with a commit that is old it is stuck."""
    following, limit = status.following, status.limits.following_seconds
    if following is None or status.leader is None:
        return
    age = following.last_commit_age_seconds
    is_old = age is None or age > limit
    if following.archive == SILENT or (following.archive == BEHIND and is_old):
        yield Finding(status.leader.name, f"as leader of a standby cluster: {following.told}", FOLLOWER)


def sick_etcd_members(status: Status) -> Iterator[Finding]:
    """Those of an etcd without a majority are told with that, unless one is away for good."""
    state = status.etcd.state if status.etcd else None
    for member in state.members if state else ():
        if state and (problem := _etcd_problem(state, member)):
            name = member.name or ETCD
            yield Finding(name, problem, bring_back(name) if status.is_silent(name) else _cure(member))


def missing_etcd_members(status: Status) -> Iterator[Finding]:
    state = status.etcd.state if status.etcd else None
    for name in status.hosts_of("etcd") if state else ():
        if state and not state.named(name):
            then = bring_back(name) if status.is_silent(name) else converge(name)
            yield Finding(name, "it is not a member of etcd", then)


def etcd_alarms(status: Status) -> Iterator[Finding]:
    state = status.etcd.state if status.etcd else None
    for alarm in state.alarms if state else ():
        name = next((m.label for m in state.members if m.id == alarm.member_id), ETCD) if state else ETCD
        yield Finding(name, f"its etcd has raised the alarm {alarm.kind}", DISARM_ETCD)


def parted_etcd_members(status: Status) -> Iterator[Finding]:
    if status.etcd and status.etcd.contradiction:
        yield Finding(ETCD, f"its members do not hold the same: {status.etcd.contradiction}", JOIN_ETCD_ANEW)


def _judged(status: Status) -> Iterator[Member]:
    """The standbys that the cluster shall have; all of them where nobody said which."""
    return (m for m in status.standbys() if not status.members or m.name in status.members)


def _etcd_problem(state: EtcdState, member: EtcdMember) -> str | None:
    if not member.started:
        return f"{member.label} is registered, but never started"
    if not state.is_healthy(member):
        return f"its etcd is not healthy: {state.of(member).error}"
    return "its etcd is a learner, which does not vote yet" if member.is_learner else None


def _cure(member: EtcdMember) -> str:
    """A deployment brings in a member that is new, or was left a learner."""
    if not member.started:
        return SITE
    return converge(member.name) if member.is_learner else journal("etcd", [member.name])


RULES = (
    half_done_restore,
    missing_members,
    standbys_that_do_not_follow,
    standbys_that_do_not_stream,
    other_timelines,
    no_synchronous_standby,
    lags_in_bytes,
    lags_in_seconds,
    sick_etcd_members,
    missing_etcd_members,
    etcd_alarms,
    parted_etcd_members,
    standby_cluster_behind,
    paused,
    pending_restarts,
)
