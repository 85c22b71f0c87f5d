"""Operators who get in each other's way, or die in the middle of their work."""

from __future__ import annotations

from typing import Any

from faults.arena import Arena
from faults.budget import Budget
from faults.fault import GENEROUS, Fault, gap
from faults.load import POOLED
from integration.operations import HELD_SECONDS, Outcome, play, start

# Something for each layer to do: PostgreSQL and both proxies reload.
CHANGE: dict[str, Any] = {
    "pgcluster_postgresql_parameters": {"archive_mode": "on", "archive_command": "/bin/true", "work_mem": "5MB"},
    "haproxy_maxconn": 1900,
    "pgbouncer_default_pool_size": 21,
}


class TwoOperators(Fault):
    """Two of them hand leadership over at the same time."""

    seconds = 1.0

    def __init__(self, arena: Arena, leader: str) -> None:
        super().__init__(arena, leader)
        self.outcomes: list[Outcome] = []

    def inject(self) -> None:
        runs = [start(self.arena.cluster, "switchover") for _operator in range(2)]
        self.outcomes = [run.finish() for run in runs]

    def acts(self) -> bool:
        return len(self.outcomes) == 2

    def heal(self) -> None:
        """There is nothing to undo."""

    def budget(self) -> Budget:
        return Budget(gap=gap(HELD_SECONDS, POOLED), errors={POOLED: 0}, leadership="moves")

    def told(self) -> str:
        return f"{sum(outcome.ok for outcome in self.outcomes)} of {len(self.outcomes)} operators went on"


class OperatorDies(Fault):
    """Whoever deploys a change to all layers is killed after so many seconds; the next run ends what was begun."""

    seconds = 1.0

    def __init__(self, arena: Arena, leader: str, moment: float) -> None:
        super().__init__(arena, leader)
        self.moment = moment
        self.killed = False

    def inject(self) -> None:
        run = start(self.arena.cluster, "site", **CHANGE)
        self.killed = run.lasts(self.moment)
        if self.killed:
            run.kill()

    def acts(self) -> bool:
        return self.killed

    def heal(self) -> None:
        """Another run, with the inventory as it was."""
        again = play(self.arena.cluster, "site")
        if not again.ok:
            raise RuntimeError(f"the next run failed: {again.tail}")

    def budget(self) -> Budget:
        allowed = GENEROUS * self.arena.bound("clean_stop")
        return Budget(gap=gap(allowed), errors={POOLED: 0}, leadership="stays")

    def told(self) -> str:
        return f"killed after {self.moment:.0f} s"
