# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every timeout that decides how long a failover takes, set together; its worst case; and what breaks a promise. Pure.

Sources: Patroni's pages on the dynamic configuration (ttl, loop_wait, retry_timeout, primary_start_timeout) and the
watchdog; etcd's tuning page (heartbeat interval, election timeout) and `lease/lessor.go`; HAProxy's configuration
manual (inter, fastinter, downinter, fall, rise, timeout check); PgBouncer's page on its configuration; tcp(7).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused

LEASE_EXPIRY = 1.0
"""Seconds until etcd acts on a lease that ran out: it looks for such leases every 0.5 s and then needs a majority."""

STOP = 2.0
"""Seconds allowed to PostgreSQL for a clean stop, from the end of its checkpoint to its last word to the standbys."""

PROMOTION = 3.0
"""Seconds allowed to the race for the lock (Patroni waits 2 s for a member that does not answer) and to the promotion.

Measured 0.1-0.3 s on an idle cluster. A standby that has much WAL left to replay takes longer, by that time.
"""


@dataclass(frozen=True)
class Timing:
    """All timeouts. Seconds where the name does not say ms (milliseconds) or is a count."""

    # Patroni
    ttl: int
    loop_wait: int
    retry_timeout: int
    # etcd: a follower without heartbeats stands for election after one to two election timeouts
    etcd_heartbeat_ms: int
    etcd_election_ms: int
    # HAProxy
    haproxy_inter_ms: int
    haproxy_fastinter_ms: int
    haproxy_downinter_ms: int
    haproxy_fall: int
    haproxy_check_timeout_ms: int
    haproxy_connect_timeout_ms: int
    # PgBouncer
    pgbouncer_server_login_retry: float
    pgbouncer_server_connect_timeout: float
    pgbouncer_query_wait_timeout: int
    # TCP, of every connection that may be left with a silent peer
    tcp_keepalive_idle: int
    tcp_keepalive_interval: int
    tcp_keepalive_count: int
    tcp_user_timeout_ms: int
    # The declared worst case for the clients, if the user declares no other
    rto_seconds: int
    # 0: a crashed leader hands over at once; more: it is given so long to start again in its place
    primary_start_timeout: int = 0
    # The watchdog or guard stops the leader so long before its lease can pass to another
    watchdog_safety_margin: int = 5
    # A server that is up is known to be writable: the check itself says so, once is enough
    haproxy_rise: int = 1

    @property
    def guard_timeout(self) -> int:
        """Seconds without a sign of life from Patroni after which PostgreSQL is stopped (Patroni: watchdog timeout)."""
        return self.ttl - self.watchdog_safety_margin


PRESETS = {
    # Patroni's own minimum for the lease. For one data centre.
    "fast": Timing(
        ttl=20,
        loop_wait=2,
        retry_timeout=6,
        etcd_heartbeat_ms=100,
        etcd_election_ms=1000,
        haproxy_inter_ms=1000,
        haproxy_fastinter_ms=500,
        haproxy_downinter_ms=500,
        haproxy_fall=3,
        haproxy_check_timeout_ms=1000,
        haproxy_connect_timeout_ms=1000,
        pgbouncer_server_login_retry=0.2,
        pgbouncer_server_connect_timeout=1.0,
        pgbouncer_query_wait_timeout=30,
        tcp_keepalive_idle=5,
        tcp_keepalive_interval=2,
        tcp_keepalive_count=3,
        tcp_user_timeout_ms=10000,
        rto_seconds=30,
    ),
    # Rides out ten seconds of a network or a disk that does not answer. For shared or busy machines.
    "standard": Timing(
        ttl=30,
        loop_wait=5,
        retry_timeout=10,
        etcd_heartbeat_ms=100,
        etcd_election_ms=1000,
        haproxy_inter_ms=2000,
        haproxy_fastinter_ms=1000,
        haproxy_downinter_ms=1000,
        haproxy_fall=3,
        haproxy_check_timeout_ms=2000,
        haproxy_connect_timeout_ms=2000,
        pgbouncer_server_login_retry=0.5,
        pgbouncer_server_connect_timeout=2.0,
        pgbouncer_query_wait_timeout=60,
        tcp_keepalive_idle=10,
        tcp_keepalive_interval=5,
        tcp_keepalive_count=3,
        tcp_user_timeout_ms=20000,
        rto_seconds=45,
    ),
    # For slow or lossy networks, and members in several places.
    "tolerant": Timing(
        ttl=60,
        loop_wait=10,
        retry_timeout=20,
        etcd_heartbeat_ms=300,
        etcd_election_ms=3000,
        haproxy_inter_ms=3000,
        haproxy_fastinter_ms=2000,
        haproxy_downinter_ms=2000,
        haproxy_fall=4,
        haproxy_check_timeout_ms=5000,
        haproxy_connect_timeout_ms=5000,
        pgbouncer_server_login_retry=1.0,
        pgbouncer_server_connect_timeout=5.0,
        pgbouncer_query_wait_timeout=120,
        tcp_keepalive_idle=20,
        tcp_keepalive_interval=10,
        tcp_keepalive_count=3,
        tcp_user_timeout_ms=40000,
        rto_seconds=90,
    ),
}

WHOLE = {field.name for field in fields(Timing) if field.type == "int"}
MAY_BE_ZERO = {"primary_start_timeout", "watchdog_safety_margin"}


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


def timing(preset: str, overrides: Mapping[str, Any] | None = None) -> Timing:
    """A preset with some of its values replaced.

    :raises Refused: for a preset or a name that does not exist, and for a value that is no number of the right kind.
    """
    if preset not in PRESETS:
        raise Refused(f"there is no RTO preset {preset!r}; choose one of {', '.join(PRESETS)}")
    return _replaced(PRESETS[preset], overrides or {})


def parse(settings: Mapping[str, Any]) -> Timing:
    """A set of timeouts from its dict, as `as_dict` made it; derived values in it are ignored.

    :raises Refused: when one is missing, or is no number of the right kind.
    """
    names = [field.name for field in fields(Timing)]
    missing = [name for name in names if name not in settings]
    if missing:
        raise Refused(f"these are no complete timeouts, for they lack {', '.join(missing)}; get them from a preset")
    return _replaced(PRESETS["fast"], {name: settings[name] for name in names})


def as_dict(settings: Timing) -> dict[str, Any]:
    """All timeouts by name, the derived one included."""
    return {**asdict(settings), "guard_timeout": settings.guard_timeout}


def _replaced(settings: Timing, values: Mapping[str, Any]) -> Timing:
    known = {field.name for field in fields(Timing)}
    unknown = [str(name) for name in values if name not in known]
    if unknown:
        raise Refused(f"no such timeout: {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    numbers: dict[str, Any] = {name: _number(name, value) for name, value in values.items()}
    return replace(settings, **numbers)


def _number(name: str, value: object) -> int | float:
    """Accepts digits as text, which is what templates make of numbers."""
    try:
        number = float(str(value))
    except ValueError:
        raise Refused(f"{name} is {value!r}, which is no number") from None
    least = 0 if name in MAY_BE_ZERO else 1 if name in WHOLE else 0.01
    if not least <= number < 10**9 or (name in WHOLE and number != int(number)):
        kind = "a whole number" if name in WHOLE else "a number"
        raise Refused(f"{name} is {value!r}, and must be {kind} of at least {least}")
    return int(number) if name in WHOLE else number


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
