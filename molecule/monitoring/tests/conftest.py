"""The fixtures of tests/integration, which lies in another folder, and who watches the cluster."""

from __future__ import annotations

import pytest
from integration.conftest import cluster, connect, login, pytest_generate_tests
from integration.prometheus import prometheus
from integration.scenario import lab
from lab import Lab

__all__ = ["cluster", "connect", "lab", "login", "prometheus", "pytest_generate_tests"]


@pytest.fixture(scope="session")
def poolers_tell(lab: Lab) -> bool:
    """Whether Prometheus is told of them: Debian 12's exporter for PgBouncer speaks no TLS, and is left out."""
    return "VERSION_CODENAME=bookworm" not in lab.execute("db1", "cat", "/etc/os-release").stdout
