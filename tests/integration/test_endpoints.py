"""What an application meets: it writes through the rw endpoints, and reads it back through the ro endpoints."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import psycopg
from integration.inventory import Cluster, Endpoint

Connect = Callable[..., psycopg.Connection[Any]]
REPLAY_SECONDS = 5


def value(session: psycopg.Connection[Any], query: str, *arguments: object) -> Any:
    row = session.execute(query, arguments).fetchone()
    assert row is not None
    return row[0]


def appears(session: psycopg.Connection[Any], row_id: int) -> bool:
    """Whether the row shows up within the time that a healthy replica may lag."""
    deadline = time.monotonic() + REPLAY_SECONDS
    while time.monotonic() < deadline:
        if value(session, "SELECT count(*) FROM written WHERE id = %s", row_id):
            return True
        time.sleep(0.05)
    return False


def test_rw_leads_to_the_one_writable_member(connect: Connect, rw_endpoint: Endpoint) -> None:
    with connect(rw_endpoint) as session:
        assert not value(session, "SELECT pg_is_in_recovery()")


def test_ro_leads_to_a_replica(connect: Connect, cluster: Cluster, ro_endpoint: Endpoint) -> None:
    """With a single member there is no replica; then ro falls back to the leader."""
    with connect(ro_endpoint) as session:
        assert value(session, "SELECT pg_is_in_recovery()") == (len(cluster.postgres) > 1)


def test_what_is_written_can_be_read(connect: Connect, cluster: Cluster, database: str, rw_endpoint: Endpoint) -> None:
    with connect(rw_endpoint, dbname=database) as session:
        row_id = value(session, "INSERT INTO written (by) VALUES (%s) RETURNING id", str(rw_endpoint))
    for endpoint in (*cluster.ro, *cluster.instances):
        with connect(endpoint, dbname=database) as session:
            assert appears(session, row_id), f"written through {rw_endpoint}, not seen through {endpoint}"


def test_exactly_one_member_is_writable(connect: Connect, cluster: Cluster) -> None:
    writable = []
    for instance in cluster.instances:
        with connect(instance) as session:
            if not value(session, "SELECT pg_is_in_recovery()"):
                writable.append(instance.name)
    assert len(writable) == 1


def test_ro_is_balanced_over_the_replicas(connect: Connect, cluster: Cluster) -> None:
    """Sessions that stay: who has fewer gets the next one, and some may have been there before."""
    direct = next(endpoint for endpoint in cluster.ro if endpoint.name == "ro")
    with ExitStack() as held:
        sessions = [held.enter_context(connect(direct)) for _number in range(8)]
        met = {value(session, "SELECT host(inet_server_addr())") for session in sessions}
    assert len(met) == max(1, len(cluster.postgres) - 1)
