# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that wait in the poolers while the leader cannot serve them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import DeadlineExceeded, Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations.crew import Crew
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations.phases import Phases

DEAD_MAN_MARGIN = 3.0  # seconds that the poolers' own timers leave to the operation itself


@dataclass(frozen=True)
class Patience:
    """In seconds: how long transactions may take to end, and how long clients are held at most after that."""

    drain: float
    hold: float


class Holding:
    """PAUSE of *pools* on all *proxies*: `arm` comes before it, and `disarm` when all is over.

    Without proxies nobody is held.
    """

    def __init__(
        self, crew: Crew, proxies: Sequence[str], pools: Sequence[str], patience: Patience, phases: Phases
    ) -> None:
        self.deadline = 0.0  # on the monotonic clock: clients are let go then
        self.proxies, self.pools = list(proxies), list(pools)
        self._crew = crew
        self._patience, self._phases = patience, phases

    @property
    def seconds_left(self) -> float:
        """For how long clients may still be held."""
        return self.deadline - time.monotonic()

    def arm(self) -> None:
        """Have every proxy let its clients go by itself, whatever becomes of the operation."""
        after = self._patience.drain + self._patience.hold + DEAD_MAN_MARGIN
        self._crew.ask_all(self.proxies, "arm", pools=self.pools, after=after)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside it clients wait. Raises Refused, with everybody let go, where a pooler does not come to rest."""
        began = time.monotonic()
        try:
            self._hold()
            self.deadline = time.monotonic() + self._patience.hold
            yield
        finally:
            with self._phases.phase("resume"):
                self._crew.ask_all_kindly(self.proxies, "release", pools=self.pools)
            self._phases.note("total_pause", time.monotonic() - began)

    def disarm(self) -> None:
        """Nothing of it stays."""
        self._crew.ask_all_kindly(self.proxies, "disarm", pools=self.pools)

    def _hold(self) -> None:
        drain = self._patience.drain
        try:
            with self._phases.phase("drain"):
                self._crew.ask_all(self.proxies, "hold", seconds=drain + 3, pools=self.pools, patience=drain)
        except DeadlineExceeded as error:
            raise Refused(f"Nothing was changed. {error}. Next: end these transactions, or wait for them") from error
