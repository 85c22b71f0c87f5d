"""What every fault has: it is put in, shows that it acted, and is undone whatever happened meanwhile."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from faults.arena import Arena
from faults.budget import Budget, Limit
from faults.load import DIRECT, POOLED, RO, RW

GENEROUS = 2.0
"""Test machines are slow, and share what they have: a budget is so many times the bound that is promised."""


class Fault(ABC):
    """One fault, made for a cluster that is whole: who leads then is `leader`."""

    seconds: ClassVar[float]
    """How long it lasts."""
    until_moved: ClassVar[bool] = False
    """Whether it may end as soon as another member takes the writes of pooled clients."""
    reported: str = ""
    """What is told of it while it lasts, by our status or a service of ours, where that is asked."""

    def __init__(self, arena: Arena, leader: str) -> None:
        self.arena, self.leader, self.standbys = arena, leader, arena.others(leader)

    @abstractmethod
    def inject(self) -> None: ...

    @abstractmethod
    def acts(self) -> bool:
        """Whether it can be seen to act."""

    def holds(self) -> bool:
        """Whether it still acts when its time is over, where that is not plain."""
        return True

    @abstractmethod
    def heal(self) -> None:
        """May be called at any time, also when nothing was put in."""

    @abstractmethod
    def budget(self) -> Budget:
        """What it may cost."""

    def prepare(self) -> None:
        """Before clients come: what the cluster has to be for this one."""
        return

    def restore(self) -> None:
        """Undoes `prepare`; tried again while it raises, for some time."""
        return

    def telling(self) -> tuple[str, ...]:
        """Words that have to be in what is told of it."""
        return ()

    def complaints(self) -> Iterator[str]:
        """What else went wrong, which only it can know; asked when all is over."""
        for word in self.telling():
            if word not in self.reported:
                yield f"it was to be told that {word!r}, and was told: {self.reported}"

    def told(self) -> str:
        """More to say of it in a report."""
        return ""


def gap(promised: float, *endpoints: str, besides: float = 0.0) -> dict[str, Limit]:
    """The same for all endpoints, or for those. `besides`: seconds that the fault itself takes, given once."""
    limit = Limit(promised, GENEROUS * promised).later(besides)
    return dict.fromkeys(endpoints or (POOLED, RW, DIRECT, RO), limit)
