"""Whether all is well: every member, every etcd, every proxy, as they tell it and as their clients find it."""

from __future__ import annotations

import functools
import time

import psycopg
from integration.inventory import Endpoint
from integration.operations import is_whole, patroni, standing
from lab import LabError

from faults.arena import Arena
from faults.load import POOLED, RO
from faults.undo import insist

CALM_SECONDS = 3.0
TLS = "/etc/matriarch/tls"
ETCDCTL = f"etcdctl --cacert {TLS}/ca.crt --cert {TLS}/host.crt --key {TLS}/host.key --endpoints https://127.0.0.1:2379"


def stays_whole(arena: Arena, deadline: float) -> float | None:
    """The moment from which on it was whole for some seconds, and served; None if there was none until the deadline."""
    since = None
    while since is None or time.monotonic() < since + CALM_SECONDS or not serves(arena):
        since = (since or time.monotonic()) if whole(arena) else None
        if time.monotonic() > deadline:
            return None
        time.sleep(0.1)
    return since


def whole(arena: Arena) -> bool:
    """As Patroni tells it, and as every member's PostgreSQL does."""
    try:
        return is_whole(arena.cluster) and bool(standing(arena.connect, arena.cluster))
    except (psycopg.Error, ValueError):  # somebody does not answer, or nobody leads
        return False


def serves(arena: Arena) -> bool:
    """Whether every etcd is part of a majority, every endpoint of every proxy answers, and failover is not paused."""
    try:
        for machine in arena.cluster.etcd:
            arena.shell(machine.name, f"{ETCDCTL} endpoint health")
        for endpoint in (*arena.cluster.rw, *arena.cluster.ro):
            visit(arena, endpoint)
    except (RuntimeError, LabError, psycopg.Error):
        return False
    return not patroni(arena.cluster).get("pause")


def visit_poolers(arena: Arena) -> None:
    """What an earlier outage left in a pool shall not count as the doing of this fault.

    PgBouncer turns the next client away where the last login at its server failed, however long ago that was.
    """
    for pooler in (*arena.cluster.rw, *arena.cluster.ro):
        if pooler.name in (POOLED, RO):
            insist(functools.partial(visit, arena, pooler))


def visit(arena: Arena, endpoint: Endpoint) -> None:
    with arena.connect(endpoint, dbname=arena.database) as session:
        session.execute("SELECT")
