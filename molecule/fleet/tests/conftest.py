"""The fixtures of tests/integration, which lies in another folder."""

from __future__ import annotations

from integration.conftest import login

__all__ = ["login"]
