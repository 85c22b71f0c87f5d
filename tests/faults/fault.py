"""What every fault has: it is put in, shows that it acted, and is undone whatever happened meanwhile."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from faults.arena import Arena
from faults.budget import Budget
from faults.load import DIRECT, POOLED, RW

GENEROUS = 2.0
"""Test machines are slow, and share what they have: a budget is so many times the bound that is promised."""


class Fault(ABC):
    """One fault, made for a cluster that is whole: who leads then is `leader`."""

    seconds: ClassVar[float]
    """How long it lasts."""
    until_moved: ClassVar[bool] = False
    """Whether it may end as soon as another member takes the writes of pooled clients."""
    reported: str = ""
    """What the status tells while it lasts, where that is asked."""

    def __init__(self, arena: Arena, leader: str) -> None:
        self.arena, self.leader, self.standbys = arena, leader, arena.others(leader)

    @abstractmethod
    def inject(self) -> None: ...

    @abstractmethod
    def acts(self) -> bool:
        """Whether it can be seen to act."""

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

    def told(self) -> str:
        """More to say of it in a report."""
        return ""


def gap(seconds: float, *endpoints: str) -> dict[str, float]:
    """The same for all read-write endpoints, or for those."""
    return dict.fromkeys(endpoints or (POOLED, RW, DIRECT), seconds)
