# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rolling operation does, step by step. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

DRAIN, SWITCHOVER, RETURN = "drain", "switchover", "return"


@dataclass(frozen=True)
class Step:
    """One step; `action` is one of these.

    drain: take the host out of the endpoints. switchover: from `host` to `to`. restart, update, reboot: what was
    wished; `in_place` where the host leads, so that its clients have to wait and the poolers are paused meanwhile.
    return: wait until the host serves again, and put it back into the endpoints.
    """

    action: str
    host: str
    reason: str
    to: str | None = None
    in_place: bool = False

    def facts(self) -> dict[str, Any]:
        """The step as a filter returns it."""
        return asdict(self)


@dataclass(frozen=True)
class Done:
    """Nothing is left to do."""


@dataclass(frozen=True)
class Refusal:
    """Why the next step would not be safe now, each reason with what to do about it."""

    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """All steps, or none and the reasons; `warnings` tell what they cost."""

    steps: tuple[Step, ...] = ()
    refused: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
