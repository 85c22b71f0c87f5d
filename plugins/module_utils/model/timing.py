# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every timeout that decides how long a failover takes, set together. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused


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
    haproxy_replica_connect_timeout_ms: int
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
        haproxy_replica_connect_timeout_ms=500,
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
        haproxy_replica_connect_timeout_ms=1500,
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
        haproxy_replica_connect_timeout_ms=4000,
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
