# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows that are written only to be found again in restored data. Immutable.

They say how far a backup and its log lead, whatever else is written: to the last row that is found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, order=True)
class Canary:
    """One row: its number, when it was written, and where in the log, in bytes, the leader was just before."""

    number: int
    written_at: datetime
    position: int


def expected(written: Iterable[Canary], end: int) -> Canary | None:
    """The newest one that log up to *end* must contain; None where there is none yet.

    One was committed for sure when the next one began.
    """
    inside = sorted(canary for canary in written if canary.position < end)
    return inside[-2] if len(inside) > 1 else None
