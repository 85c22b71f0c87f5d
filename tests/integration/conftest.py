"""Fixtures of the tests that look at a cluster from the outside: SSH to its hosts, SQL through its endpoints."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import testinfra
from integration.inventory import Cluster, Endpoint, Machine, load
from integration.watch import Connect, database_of_our_own

# Test arguments that stand for every host of a group, every endpoint of a kind.
KINDS: dict[str, Callable[[Cluster], tuple[Machine, ...] | tuple[Endpoint, ...]]] = {
    "any_machine": lambda cluster: cluster.machines,
    "etcd_machine": lambda cluster: cluster.etcd,
    "postgres_machine": lambda cluster: cluster.postgres,
    "proxy_machine": lambda cluster: cluster.proxy,
    "any_endpoint": lambda cluster: cluster.endpoints,
    "rw_endpoint": lambda cluster: cluster.rw,
    "ro_endpoint": lambda cluster: cluster.ro,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test runs for every cluster of the inventory, and there for every member of the kind that it asks for."""
    kind = next((name for name in KINDS if name in metafunc.fixturenames), None)
    members = [(cluster, member) for cluster in load() for member in (KINDS[kind](cluster) if kind else [None])]
    if "cluster" not in metafunc.fixturenames:
        if kind:
            metafunc.parametrize(kind, dict.fromkeys(member for _cluster, member in members), ids=str)
    elif kind:
        metafunc.parametrize(("cluster", kind), members, ids=str, indirect=["cluster"])
    else:
        metafunc.parametrize("cluster", load(), ids=str, indirect=True)


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    chosen: Cluster = request.param
    return chosen


@functools.cache
def logged_in(machine: Machine) -> testinfra.host.Host:
    """A testinfra host over SSH, kept for the whole run."""
    return testinfra.get_host(
        f"ssh://root@{machine.address}",
        ssh_identity_file=machine.key,
        ssh_extra_args=machine.ssh_arguments,
        controlpersist=60,
    )


@pytest.fixture(scope="session")
def login() -> Callable[[Machine], testinfra.host.Host]:
    return logged_in


@pytest.fixture(scope="session")
def connect(cluster: Cluster) -> Connect:
    """Open a connection as the application would: password, and a certificate verified against the cluster's CA."""

    def connect(endpoint: Endpoint, **changed: Any) -> psycopg.Connection[Any]:
        wanted: dict[str, Any] = {
            "host": endpoint.address,
            "port": endpoint.port,
            "dbname": "postgres",
            "user": "admin",
            "password": cluster.secret("admin_password"),
            "sslmode": "verify-full",
            "sslrootcert": str(cluster.ca),
            "connect_timeout": 10,
            "autocommit": True,
        }
        return psycopg.connect(**{**wanted, **changed})

    return connect


@pytest.fixture(scope="session")
def database(cluster: Cluster, connect: Connect) -> Iterator[str]:
    yield from database_of_our_own(connect, cluster, "matriarch_verification")
