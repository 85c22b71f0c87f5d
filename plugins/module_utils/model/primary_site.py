# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen of the hosts of the cluster that a standby cluster follows. Immutable."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

SILENT, IDLE, ALIVE = "silent", "idle", "alive"


@dataclass(frozen=True)
class SiteHost:
    """`state`: silent, when no port of it takes a connection; idle, when its Patroni tells that nobody leads there;
    else alive, and so is one whose answer makes no sense. `reason` says what was seen.
    """

    address: str
    state: str
    reason: str

    def facts(self) -> dict[str, Any]:
        """As a module returns it."""
        return asdict(self)
