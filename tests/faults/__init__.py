"""Faults under load, and the checker that judges them. It reads positions and timeouts as the collection does."""

from __future__ import annotations

from integration.collection import make_importable

make_importable()
