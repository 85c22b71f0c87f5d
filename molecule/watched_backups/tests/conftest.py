"""The fixtures of tests/integration, which lies in another folder, and who watches the cluster."""

from __future__ import annotations

import os

import pytest
from integration.conftest import cluster, connect, login, pytest_generate_tests
from integration.prometheus import Prometheus
from lab import Lab

__all__ = ["cluster", "connect", "lab", "login", "prometheus", "pytest_generate_tests"]


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab(os.environ["MOLECULE_SCENARIO_NAME"])


@pytest.fixture(scope="session")
def prometheus(lab: Lab) -> Prometheus:
    return Prometheus(lab)
