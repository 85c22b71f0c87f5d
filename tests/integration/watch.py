"""Looking at a cluster until it is as it shall be."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import psycopg
import pytest
from integration.inventory import Cluster, Endpoint, Machine

Connect = Callable[..., psycopg.Connection[Any]]


def database_of_our_own(connect: Connect, cluster: Cluster, name: str) -> Iterator[str]:
    """A database with the table `written` that every member has, for `yield from`; gone afterwards."""
    with connect(cluster.rw[0]) as session:
        session.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        session.execute(f"CREATE DATABASE {name}")
    with connect(cluster.rw[0], dbname=name) as session:
        session.execute("CREATE TABLE written (id bigint GENERATED ALWAYS AS IDENTITY, by text NOT NULL)")
    for instance in cluster.instances:
        eventually(f"{instance} has the table", 30, functools.partial(holds_table, connect, instance, name))
    yield name
    with connect(cluster.rw[0]) as session:
        session.execute(f"DROP DATABASE {name} WITH (FORCE)")


def eventually(what: str, seconds: float, probe: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if probe():
                return
        except psycopg.OperationalError:
            pass
        time.sleep(0.5)
    pytest.fail(f"not within {seconds:.0f} s: {what}")


def holds_table(connect: Connect, instance: Endpoint, name: str) -> bool:
    with connect(instance, dbname=name) as session:
        return bool(value(session, "SELECT to_regclass('written') IS NOT NULL"))


def value(session: psycopg.Connection[Any], query: str) -> Any:
    row = session.execute(query).fetchone()
    assert row is not None
    return row[0]


def writable(connect: Connect, cluster: Cluster) -> list[Machine]:
    """The members that are no replicas; every member has to answer."""
    found = []
    for machine, instance in zip(cluster.postgres, cluster.instances, strict=True):
        with connect(instance) as session:
            if not value(session, "SELECT pg_is_in_recovery()"):
                found.append(machine)
    return found


def leader(connect: Connect, cluster: Cluster) -> Machine:
    (machine,) = writable(connect, cluster)
    return machine


def streaming(connect: Connect, endpoint: Endpoint) -> int:
    """How many replicas stream from whoever leads behind the endpoint."""
    with connect(endpoint) as session:
        return int(value(session, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"))


def clock(connect: Connect, cluster: Cluster) -> datetime:
    """The leader's."""
    with connect(cluster.rw[0]) as session:
        moment: datetime = value(session, "SELECT clock_timestamp()")
        return moment
