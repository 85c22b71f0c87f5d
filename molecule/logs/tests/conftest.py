"""The fixtures of tests/integration, which lies in another folder, and the host that receives logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from integration.conftest import cluster, connect, logged_in, login, pytest_generate_tests
from integration.inventory import Cluster
from integration.scenario import lab
from lab import Lab
from testinfra.host import Host

__all__ = ["cluster", "connect", "lab", "login", "pytest_generate_tests", "received", "sink"]

RECEIVED = "/var/log/received"


@pytest.fixture(scope="session")
def sink(lab: Lab, cluster: Cluster) -> Host:
    """The receiver, which is no host of the cluster."""
    return logged_in(replace(cluster.postgres[0], name="sink", address=lab.address("sink")))


@pytest.fixture(scope="session")
def received(sink: Host) -> Callable[[], list[str]]:
    """All that the receiver has, by line."""

    def read() -> list[str]:
        return str(sink.check_output(f"cat {RECEIVED}")).splitlines()

    return read
