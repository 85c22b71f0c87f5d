"""The fixtures of tests/integration, which lies in another folder, and a database for what is written here."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from integration.conftest import cluster, connect, login, pytest_generate_tests
from integration.inventory import Cluster
from integration.watch import Connect, database_of_our_own
from lab import Lab

__all__ = ["cluster", "connect", "database", "lab", "login", "pytest_generate_tests"]


@pytest.fixture(scope="session")
def database(cluster: Cluster, connect: Connect) -> Iterator[str]:
    yield from database_of_our_own(connect, cluster, "backup_verification")


@pytest.fixture
def lab() -> Lab:
    return Lab(os.environ["MOLECULE_SCENARIO_NAME"])
