"""The fixtures of tests/integration, which lies in another folder, and a database for what is written here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from integration.conftest import cluster, connect, login, pytest_generate_tests
from integration.inventory import Cluster
from integration.watch import Connect, database_of_our_own

__all__ = ["cluster", "connect", "database", "login", "pytest_generate_tests"]


@pytest.fixture
def database(cluster: Cluster, connect: Connect) -> Iterator[str]:
    yield from database_of_our_own(connect, cluster, "shared_verification")
