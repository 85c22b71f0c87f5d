"""The fixtures of tests/integration, which lies in another folder, and what the operations here have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from integration.conftest import cluster, connect, login, pytest_generate_tests
from integration.inventory import Cluster, Machine
from integration.operations import WHOLE_SECONDS, is_whole
from integration.scenario import lab
from integration.watch import Connect, database_of_our_own, eventually
from testinfra.host import Host

__all__ = ["cluster", "connect", "database", "lab", "left_behind", "login", "pytest_generate_tests", "whole"]

# What an operation may have left on a host, told by the services themselves.
LEFT = """
import csv, json, pathlib, psycopg, socket
left = {"paused": [], "marked": [], "drained": []}
for pool, port in {"rw": 6432, "ro": 6433}.items():
    with psycopg.connect(f"host=/run/pgbouncer-{pool} port={port} dbname=pgbouncer", autocommit=True) as console:
        if dict(console.execute("SHOW STATE").fetchall())["paused"] == "yes":
            left["paused"].append(pool)
if pathlib.Path("/run/patroni/handover").exists():
    left["marked"].append("handover")
with socket.socket(socket.AF_UNIX) as haproxy:
    haproxy.connect("/run/haproxy/admin.sock")
    haproxy.sendall(b"show stat\\n")
    for line in csv.DictReader(haproxy.makefile(newline="")):
        if line["status"].startswith(("DRAIN", "MAINT")):
            left["drained"].append(line["svname"])
print(json.dumps(left))
"""


@pytest.fixture(scope="session")
def database(cluster: Cluster, connect: Connect) -> Iterator[str]:
    yield from database_of_our_own(connect, cluster, "operations_verification")


@pytest.fixture
def whole(cluster: Cluster) -> None:
    """The test begins with a cluster that lacks nothing."""
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))


@pytest.fixture(scope="session")
def left_behind(cluster: Cluster, login: Callable[[Machine], Host]) -> Callable[..., list[str]]:
    """What is paused, marked or drained on any host; of the given kinds only, if any are given."""

    def on(machine: Machine, kinds: tuple[str, ...]) -> Iterator[str]:
        told: dict[str, list[str]] = json.loads(login(machine).check_output("python3 -c %s", LEFT))
        for kind, names in told.items():
            if kind in kinds or not kinds:
                yield from (f"{machine}: {kind}: {name}" for name in names)

    def left_behind(*kinds: str) -> list[str]:
        return [found for machine in cluster.machines for found in on(machine, kinds)]

    return left_behind
