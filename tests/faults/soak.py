"""Fault after fault on a cluster that lives on, some of them two at a time, in an order that a seed decides."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from faults.arena import Arena, NotSo, until
from faults.budget import STABLE_SECONDS, Budget
from faults.fault import Fault
from faults.nemesis import bystanders, network, processes
from faults.nemesis.handover import leads
from faults.trial import ACTING_SECONDS
from faults.undo import every
from faults.wholeness import stays_whole

SHORTEST, LONGEST = 3.0, 25.0
FIRST: tuple[type[Fault], ...] = (
    processes.KillPostmaster,
    processes.KillPatroni,
    processes.PowerCut,
    processes.SilentPatroni,
    network.LeaderIsolated,
    network.LeaderWithoutEtcd,
    network.LeaderWithoutStandbys,
    network.EtcdPeersParted,
    network.LossyNetwork,
    bystanders.KilledBackend,
)
# What may happen to a standby's host meanwhile, whatever has happened to the leader's. Two that are parted would be
# parted together.
BESIDE: tuple[type[Fault], ...] = (
    bystanders.KilledEtcd,
    bystanders.KilledHaproxy,
    bystanders.KilledPooler,
    processes.KillPatroni,
    processes.PowerCut,
    network.EtcdPeersParted,
    network.RestBlocked,
)


@dataclass(frozen=True)
class Round:
    """One fault of the leader, how long it lasts, and perhaps another one, of a standby."""

    first: type[Fault]
    second: type[Fault] | None
    seconds: float

    def __str__(self) -> str:
        return " with ".join(kind.__name__ for kind in (self.first, self.second) if kind)


def rounds(seed: int) -> Iterator[Round]:
    """Without an end; every other one, about, is a double fault."""
    # Python promises the same numbers for random(), not for choice() and its like.
    numbers = random.Random(seed)

    def one_of(kinds: tuple[type[Fault], ...]) -> type[Fault]:
        return kinds[int(numbers.random() * len(kinds))]

    while True:
        first = one_of(FIRST)
        second = one_of(BESIDE) if numbers.random() < 0.5 else None
        yield Round(first, second, SHORTEST + numbers.random() * (LONGEST - SHORTEST))


class Soak(Fault):
    """So many seconds of it; whoever leads when a round begins is the one that it is for."""

    seconds = 0.0

    def __init__(self, arena: Arena, leader: str, seed: int, minutes: float, tell: Callable[[str], None]) -> None:
        super().__init__(arena, leader)
        self._schedule, self._minutes, self._tell = rounds(seed), minutes, tell
        self.done: list[Round] = []

    def inject(self) -> None:
        end = time.monotonic() + 60 * self._minutes
        while time.monotonic() < end:
            chosen = next(self._schedule)
            self._tell(f"{chosen}, {chosen.seconds:.0f} s")
            self._happen(chosen)
            self.done.append(chosen)
            if stays_whole(self.arena, time.monotonic() + STABLE_SECONDS) is None:
                raise NotSo(f"the cluster was not whole {STABLE_SECONDS:.0f} s after {chosen}")

    def _happen(self, chosen: Round) -> None:
        leader = leads(self.arena)
        faults = [chosen.first(self.arena, leader)]
        if chosen.second:
            faults.append(chosen.second(self.arena, faults[0].standbys[0]))
        try:
            for fault in faults:
                fault.inject()
                until(f"{type(fault).__name__} acts", ACTING_SECONDS, fault.acts)
            time.sleep(chosen.seconds)
        finally:
            every(fault.heal for fault in faults)

    def acts(self) -> bool:
        return bool(self.done)

    def heal(self) -> None:
        """Every round has healed its own."""

    def budget(self) -> Budget:
        """Two faults at once may cost any time; they may cost no row."""
        return Budget()

    def told(self) -> str:
        return f"{len(self.done)} rounds, {sum(bool(each.second) for each in self.done)} of them double"
