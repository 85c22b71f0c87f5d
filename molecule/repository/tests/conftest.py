"""The fixtures of tests/integration, which lies in another folder, and a database for what is written here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from integration.conftest import Connect, cluster, connect, login, pytest_generate_tests
from integration.inventory import Cluster

__all__ = ["cluster", "connect", "database", "login", "pytest_generate_tests"]


@pytest.fixture
def database(cluster: Cluster, connect: Connect) -> Iterator[str]:
    name = "failover_verification"
    with connect(cluster.rw[0]) as session:
        session.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        session.execute(f"CREATE DATABASE {name}")
    with connect(cluster.rw[0], dbname=name) as session:
        session.execute("CREATE TABLE written (id bigint GENERATED ALWAYS AS IDENTITY, by text NOT NULL)")
    yield name
    with connect(cluster.rw[0]) as session:
        session.execute(f"DROP DATABASE {name} WITH (FORCE)")
