"""A pooler, and a client that takes its time to log in."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from integration.inventory import Cluster, Endpoint
from integration.watch import Connect, database_of_our_own, value
from psycopg import pq

STEP_SECONDS = 0.7  # the pooler looks three times a second for databases that nobody uses
THROWN_OFF_SECONDS = 15


@pytest.fixture
def undeclared(cluster: Cluster, connect: Connect) -> Iterator[str]:
    """A database that the pooler learns of by its first client."""
    yield from database_of_our_own(connect, cluster, "undeclared")


def log_in_slowly(cluster: Cluster, endpoint: Endpoint, database: str) -> psycopg.Connection[tuple[int]]:
    wanted: dict[str, Any] = {
        "host": endpoint.address,
        "port": endpoint.port,
        "dbname": database,
        "user": "admin",
        "password": cluster.secret("admin_password"),
        "sslmode": "verify-full",
        "sslrootcert": str(cluster.ca),
    }
    connection = pq.PGconn.connect_start(psycopg.conninfo.make_conninfo("", **wanted).encode())
    while (state := connection.connect_poll()) != pq.PollingStatus.OK:
        assert state != pq.PollingStatus.FAILED, connection.error_message
        reads = state == pq.PollingStatus.READING
        select.select([connection.socket] if reads else [], [] if reads else [connection.socket], [])
        time.sleep(STEP_SECONDS)
    return psycopg.Connection(connection)


def test_a_client_that_logs_in_slowly_is_not_thrown_off(cluster: Cluster, undeclared: str) -> None:
    pooled = next(endpoint for endpoint in cluster.rw if endpoint.name == "pooled-rw")
    with log_in_slowly(cluster, pooled, undeclared) as session:
        time.sleep(THROWN_OFF_SECONDS)
        assert value(session, "SELECT 1") == 1
