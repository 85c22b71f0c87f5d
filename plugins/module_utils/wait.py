# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a state, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

Seen = TypeVar("Seen")


class Clock(Protocol):
    """What waiting needs of time; tests give one that does not tick by itself."""

    def now(self) -> float:
        """Seconds on a scale that never goes back."""

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""


class SystemClock:
    """The monotonic clock, which a step of the host's wall clock does not move."""

    def now(self) -> float:
        """Seconds since an arbitrary moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep for so many seconds."""
        time.sleep(seconds)


@dataclass(frozen=True)
class Outcome(Generic[Seen]):
    """How a wait ended: whether the state was reached, what was seen last, and after how many seconds."""

    reached: bool
    last: Seen
    seconds: float


def wait_until(
    probe: Callable[[], Seen],
    reached: Callable[[Seen], bool],
    *,
    seconds: float,
    interval: float = 1.0,
    clock: Clock | None = None,
) -> Outcome[Seen]:
    """Probe until `reached` says yes or `seconds` have passed; at least once, and once more at the very end.

    Both times are in seconds. An error of the probe is not caught: a probe that may fail for a while says so in what
    it returns. No probe starts after the deadline, so the wait outlasts it by the length of one probe at most.
    """
    clock = clock or SystemClock()
    start = clock.now()
    while True:
        last = probe()
        passed = clock.now() - start
        if reached(last) or passed >= seconds:
            return Outcome(reached(last), last, passed)
        clock.sleep(min(interval, seconds - passed))
