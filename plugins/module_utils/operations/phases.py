# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long each part of an operation took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Phases:
    """Milliseconds by phase, in the order in which they ended; a phase that comes twice adds up."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure what happens inside, also when it fails."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.note(name, time.monotonic() - began)

    def note(self, name: str, seconds: float) -> None:
        """Add seconds that were measured elsewhere."""
        self.milliseconds[name] = round(self.milliseconds.get(name, 0.0) + seconds * 1000, 1)
