"""The fixtures of tests/integration, which lies in another folder."""

from __future__ import annotations

from integration.conftest import cluster, connect, login, pytest_generate_tests

__all__ = ["cluster", "connect", "login", "pytest_generate_tests"]
