# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one client of a probe saw, told as it happens. Immutable, so that it can be read while its client works on.

Times are in seconds on the monotonic clock. Each attempt has a number of its own and is never repeated under it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

SAMPLES = 3


@dataclass(frozen=True)
class StreamLog:
    """The attempts of one client at one endpoint.

    `gap`: the longest time between two acknowledgements, which began at `gap_began`. `failed`: attempts that changed
    nothing for certain; `unknown`: those that nobody answered, which may have been done or not. `doubled`: attempts
    whose row was there before they made it.
    """

    stream: str
    endpoint: str
    mode: str
    attempts: int = 0
    in_flight: bool = False
    acknowledged: int = 0
    last: float | None = None
    gap: float = 0.0
    gap_began: float | None = None
    errors: int = 0
    samples: tuple[str, ...] = ()
    latest_error: str | None = None
    failed: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    doubled: int = 0

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StreamLog:
        """The log as `to_json` gave it."""
        lists = {key: tuple(data[key]) for key in ("samples", "failed", "unknown")}
        return cls(**{**data, **lists})

    def to_json(self) -> dict[str, Any]:
        """The log as plain data."""
        return asdict(self)

    @property
    def has_begun(self) -> bool:
        """True after the first acknowledgement. What went wrong before is why it had not begun, and no error of it."""
        return self.last is not None

    @property
    def may_have_rows(self) -> bool:
        """True unless every attempt failed for certain."""
        return len(self.failed) < self.attempts

    @property
    def certain(self) -> frozenset[int]:
        """The attempts that were acknowledged."""
        open_ended = {self.attempts} if self.in_flight else set()
        return frozenset(range(1, self.attempts + 1)) - set(self.failed) - set(self.unknown) - open_ended

    def sending(self) -> StreamLog:
        """The next attempt begins."""
        return replace(self, attempts=self.attempts + 1, in_flight=True)

    def answered(self, now: float) -> StreamLog:
        """The attempt was acknowledged."""
        return replace(self._reaching(now), in_flight=False, acknowledged=self.acknowledged + 1, last=now)

    def denied(self, why: str, *, maybe_done: bool, twice: bool = False) -> StreamLog:
        """The attempt met an error; `maybe_done` where it may have been carried out nevertheless."""
        counted = replace(self, errors=self.errors + 1, samples=(*self.samples, why)[:SAMPLES])
        return replace(
            counted if self.has_begun else self,
            in_flight=False,
            latest_error=why,
            failed=self.failed if maybe_done else (*self.failed, self.attempts),
            unknown=(*self.unknown, self.attempts) if maybe_done else self.unknown,
            doubled=self.doubled + twice,
        )

    def closed(self, now: float) -> StreamLog:
        """The end: time without an acknowledgement counts until now, and what is still under way stays unknown."""
        unknown = (*self.unknown, self.attempts) if self.in_flight else self.unknown
        return replace(self._reaching(now), in_flight=False, unknown=unknown)

    def _reaching(self, now: float) -> StreamLog:
        if self.last is None or now - self.last <= self.gap:
            return self
        return replace(self, gap=now - self.last, gap_began=self.last)
