# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a file that keeps room back is to be made, removed or left as it is. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.words import size

SPARE = 4
"""So many times its size stays free: a ballast is not to be what fills the file system."""


@dataclass(frozen=True)
class Step:
    """What to do, and why."""

    action: Literal["keep", "make", "remove", "wait"]
    reason: str

    @property
    def changes(self) -> bool:
        return self.action in ("make", "remove")


def plan_ballast(wanted: int, there: int | None, free: int) -> Step:
    """All in bytes; 0 wants none. `there`: what the file has on the disk, None where there is no file."""
    if not wanted:
        return Step("remove", "none is wanted") if there is not None else Step("keep", "none is wanted")
    if there is not None and there >= wanted:
        return Step("keep", f"{size(there)} are kept back")
    needed = (1 + SPARE) * wanted
    available = free + (there or 0)
    if available < needed:
        return Step("wait", f"{size(available)} are free, and {size(needed)} are needed to keep {size(wanted)} back")
    return Step("make", f"{size(wanted)} are to be kept back")
