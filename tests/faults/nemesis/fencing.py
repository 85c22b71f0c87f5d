"""Hosts that go dark or fall silent where there is a power switch: with its proof nobody waits for the lease."""

from __future__ import annotations

from typing import ClassVar

from faults.budget import Budget
from faults.fault import Fault, gap
from faults.load import POOLED, RW
from faults.nemesis.network import LeaderIsolated
from faults.nemesis.processes import Frozen, PowerCut


class Fenced(Fault):
    """Over before the leader's lease can be, which it renews once in loop_wait at least."""

    until_moved = True

    def heal(self) -> None:
        """It is off, unless something went wrong."""
        if self.arena.lab.state(self.leader) != "off":
            super().heal()  # type: ignore[safe-super]
        self.arena.lab.start(self.leader)

    def budget(self) -> Budget:
        return Budget(gap=gap(0, POOLED, RW, besides=shortest_lease(self)), leadership="moves")


class FencedPowerCut(Fenced, PowerCut):
    """The leader's host goes dark, and stays so: back again, it would break the sessions that it does not know.

    Nobody waits for it for as long as clients have patience with a silent peer, which is ten seconds.
    """

    seconds = 15.0
    until_moved = False
    allowed_seconds: ClassVar[float] = 8.0

    def budget(self) -> Budget:
        return Budget(gap=gap(0, besides=self.allowed_seconds), leadership="moves")


class FencedFreeze(Fenced, Frozen):
    """The leader's whole host stops, and would go on: it has to be off before another one leads."""

    def acts(self) -> bool:
        return self.arena.lab.state(self.leader) in ("frozen", "off")


class FencedIsolation(Fenced, LeaderIsolated):
    """The leader's host is parted from all others, and then turned off."""

    def acts(self) -> bool:
        return self.arena.lab.state(self.leader) == "off" or super().acts()


def shortest_lease(fault: Fault) -> float:
    """Seconds that a dead leader's lease lives at least."""
    settings = fault.arena.configuration()
    return float(str(settings["ttl"])) - float(str(settings["loop_wait"]))
