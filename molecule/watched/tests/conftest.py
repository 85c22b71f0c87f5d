"""The fixtures of tests/integration, which lies in another folder, and who watches the cluster."""

from __future__ import annotations

from integration.conftest import cluster, connect, login, pytest_generate_tests
from integration.prometheus import prometheus
from integration.scenario import lab

__all__ = ["cluster", "connect", "lab", "login", "prometheus", "pytest_generate_tests"]
