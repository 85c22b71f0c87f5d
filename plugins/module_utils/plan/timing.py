# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a set of timeouts promises: its worst case after each kind of fault, and the rules that it breaks. Pure.

Sources: Patroni's pages on the dynamic configuration (ttl, loop_wait, retry_timeout, primary_start_timeout) and the
watchdog; etcd's tuning page (heartbeat interval, election timeout) and `lease/lessor.go`; HAProxy's configuration
manual (inter, fastinter, downinter, fall, rise, timeout check); PgBouncer's page on its configuration; tcp(7).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.timing import Timing

LEASE_EXPIRY = 1.0
"""Seconds until etcd acts on a lease that ran out: it looks for such leases every 0.5 s and then needs a majority."""

STOP = 2.0
"""Seconds allowed to PostgreSQL for a clean stop, from the end of its checkpoint to its last word to the standbys."""

PROMOTION = 3.0
"""Seconds allowed to the race for the lock (Patroni waits 2 s for a member that does not answer) and to the promotion.

Measured 0.1-0.3 s on an idle cluster. A standby that has much WAL left to replay takes longer, by that time.
"""


@dataclass(frozen=True)
class Bound:
    """The longest time without writes after a fault, as a sum of terms: what happens, and its seconds."""

    fault: str
    terms: tuple[tuple[str, float], ...]

    @property
    def seconds(self) -> float:
        return round(sum(seconds for _what, seconds in self.terms), 3)

    def as_dict(self) -> dict[str, Any]:
        terms = [{"what": what, "seconds": seconds} for what, seconds in self.terms]
        return {"fault": self.fault, "seconds": self.seconds, "terms": terms}


@dataclass(frozen=True)
class Violation:
    """A rule that a set of timeouts breaks, and what to do about it."""

    id: str
    problem: str
    remedy: str


def bounds(settings: Timing) -> tuple[Bound, ...]:
    """The worst case for each fault, from the fault until a pooled client writes again."""
    etcd_elects = 2 * settings.etcd_election_ms / 1000
    routed = _routed(settings)
    lease_runs_out = ("the dead leader's lease, renewed just before, runs out (ttl)", float(settings.ttl))
    lease_is_seen = ("etcd acts on the lease that ran out", LEASE_EXPIRY)
    host_lost = (lease_runs_out, lease_is_seen, *routed)
    return (
        Bound("postgresql_crash", (*_crash_is_seen(settings), *routed)),
        Bound("clean_stop", (("the leader stops and gives its lock back", STOP), *routed)),
        Bound("patroni_frozen", host_lost),
        Bound("host_lost", host_lost),
        Bound(
            "host_lost_with_etcd_leader",
            (
                ("etcd elects a leader (2 x etcd_election_ms)", etcd_elects),
                lease_runs_out,
                # Lessor.Promote: a new etcd leader renews every lease in full and adds an election timeout.
                ("the new etcd leader prolongs the lease (etcd_election_ms)", settings.etcd_election_ms / 1000),
                lease_is_seen,
                *routed,
            ),
        ),
    )


def _crash_is_seen(settings: Timing) -> Iterator[tuple[str, float]]:
    yield ("Patroni looks after PostgreSQL (loop_wait)", float(settings.loop_wait))
    if settings.primary_start_timeout:
        waits = float(settings.primary_start_timeout)
        yield ("PostgreSQL is given time to start again (primary_start_timeout)", waits)


def _routed(settings: Timing) -> tuple[tuple[str, float], ...]:
    """From the free lock to the first write: promotion, HAProxy's next checks of a server that was down, PgBouncer."""
    until_up = settings.haproxy_rise * settings.haproxy_downinter_ms / 1000
    return (
        ("a standby takes the lock and is promoted", PROMOTION),
        ("HAProxy checks it again (haproxy_rise x haproxy_downinter_ms)", until_up),
        ("that check takes its time (haproxy_check_timeout_ms)", settings.haproxy_check_timeout_ms / 1000),
        ("PgBouncer logs in again (pgbouncer_server_login_retry)", settings.pgbouncer_server_login_retry),
    )


def worst(settings: Timing) -> Bound:
    return max(bounds(settings), key=lambda bound: bound.seconds)


def silence(settings: Timing) -> float:
    """Seconds until HAProxy cuts the sessions to a host that answers nothing any more (fall checks that time out)."""
    check = settings.haproxy_check_timeout_ms
    first, later = settings.haproxy_inter_ms + check, settings.haproxy_fastinter_ms + check
    return (first + (settings.haproxy_fall - 1) * later) / 1000


def violations(settings: Timing, declared_rto: float) -> list[Violation]:
    """Every rule that the timeouts break: Patroni's, etcd's, the watchdog's, and the declared worst case (seconds)."""
    return [
        *_patroni_violations(settings),
        *_etcd_violations(settings),
        *_guard_violations(settings),
        *_promise_violations(settings, declared_rto),
    ]


def _patroni_violations(settings: Timing) -> Iterator[Violation]:
    """Patroni lowers or raises such values itself, silently; so they are refused here instead."""
    for name, least in {"ttl": 20, "loop_wait": 1, "retry_timeout": 3}.items():
        value = getattr(settings, name)
        if value < least:
            yield Violation(
                f"{name}_minimum",
                f"{name} is {value} s; Patroni's minimum is {least} s",
                f"set {name} to {least} or more",
            )
    needed = settings.loop_wait + 2 * settings.retry_timeout
    if needed > settings.ttl:
        yield Violation(
            "ttl_rule",
            f"loop_wait + 2 x retry_timeout is {needed} s and ttl {settings.ttl} s; Patroni wants it to fit",
            f"raise ttl to {needed}, or lower loop_wait or retry_timeout",
        )


def _etcd_violations(settings: Timing) -> Iterator[Violation]:
    heartbeat, election = settings.etcd_heartbeat_ms, settings.etcd_election_ms
    if election < 5 * heartbeat:
        yield Violation(
            "etcd_election",
            f"etcd_election_ms is {election} and etcd_heartbeat_ms {heartbeat}; etcd wants at least five to one",
            f"raise etcd_election_ms to {5 * heartbeat}, or lower etcd_heartbeat_ms",
        )
    if 2 * election >= 1000 * settings.retry_timeout:
        yield Violation(
            "etcd_election_against_retry_timeout",
            f"electing an etcd leader can take {2 * election / 1000:g} s and Patroni retries for "
            f"{settings.retry_timeout} s only, so that an etcd leader's loss would demote PostgreSQL as well",
            f"lower etcd_election_ms below {500 * settings.retry_timeout}, or raise retry_timeout",
        )


def _guard_violations(settings: Timing) -> Iterator[Violation]:
    """Patroni itself demotes within loop_wait + retry_timeout: the guard comes after that, before the lease ends."""
    timeout, own = settings.guard_timeout, settings.loop_wait + settings.retry_timeout
    if timeout >= settings.ttl:
        yield Violation(
            "guard_after_lease",
            f"the guard stops an unsupervised leader after {timeout} s, and its lease ends after {settings.ttl} s: "
            "two members could accept writes",
            "set watchdog_safety_margin to 5",
        )
    elif timeout <= own:
        yield Violation(
            "guard_too_early",
            f"the guard stops PostgreSQL after {timeout} s, while Patroni may rightly be silent for "
            f"loop_wait + retry_timeout = {own} s",
            f"raise ttl to {own + settings.watchdog_safety_margin + 1}, or lower retry_timeout",
        )


def _promise_violations(settings: Timing, declared_rto: float) -> Iterator[Violation]:
    bound = worst(settings)
    if bound.seconds > declared_rto:
        sum_of = " + ".join(f"{seconds:g}" for _what, seconds in bound.terms)
        yield Violation(
            "declared_rto",
            f"the worst case is {bound.seconds:g} s ({bound.fault}: {sum_of}) and {declared_rto:g} s are declared",
            "declare at least the worst case, or choose a faster preset",
        )
    if settings.pgbouncer_query_wait_timeout < bound.seconds:
        yield Violation(
            "pooled_clients_give_up",
            f"PgBouncer turns waiting clients away after {settings.pgbouncer_query_wait_timeout} s, "
            f"before the worst case of {bound.seconds:g} s is over",
            f"raise pgbouncer_query_wait_timeout above {bound.seconds:g}",
        )
    if silence(settings) > settings.ttl:
        yield Violation(
            "silent_host_seen_late",
            f"HAProxy takes up to {silence(settings):g} s to see that a host is silent, and ttl is {settings.ttl} s",
            "lower haproxy_inter_ms, haproxy_fall or haproxy_check_timeout_ms",
        )
