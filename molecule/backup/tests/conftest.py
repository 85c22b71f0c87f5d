"""The fixtures of tests/integration, which lies in another folder, and a database for what is written here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from integration.backup_engines import ENGINES, Engine
from integration.conftest import cluster, connect, login, pytest_generate_tests
from integration.inventory import Cluster, Machine
from integration.scenario import lab
from integration.watch import Connect, database_of_our_own
from testinfra.host import Host

__all__ = ["cluster", "connect", "database", "engine", "lab", "login", "pytest_generate_tests"]


@pytest.fixture(scope="session")
def database(cluster: Cluster, connect: Connect) -> Iterator[str]:
    yield from database_of_our_own(connect, cluster, "backup_verification")


@pytest.fixture(scope="session")
def engine(cluster: Cluster, login: Callable[[Machine], Host]) -> Engine:
    """The one that makes this cluster's backups."""
    told = login(cluster.postgres[0]).file("/etc/matriarch/backup/settings.json").content_string
    return ENGINES[json.loads(told)["engine"]]
