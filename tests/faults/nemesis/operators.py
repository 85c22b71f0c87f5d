"""Operators who get in each other's way, or die in the middle of their work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import psycopg
from faults.arena import Arena, NotSo, until
from faults.budget import Budget
from faults.fault import Fault, gap
from faults.load import POOLED
from integration.operations import HELD_SECONDS, LONGEST_RUN, Outcome, play, start, started

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
        with start(self.arena.cluster, "switchover") as one, start(self.arena.cluster, "switchover") as other:
            self.outcomes = [one.finish(), other.finish()]

    def acts(self) -> bool:
        return len(self.outcomes) == 2

    def heal(self) -> None:
        """There is nothing to undo."""

    def budget(self) -> Budget:
        return Budget(gap=gap(0, POOLED, besides=HELD_SECONDS), errors={POOLED: 0}, leadership="moves")

    def complaints(self) -> Iterator[str]:
        refused = [outcome for outcome in self.outcomes if not outcome.ok]
        if len(refused) != 1 or "switchover by" not in refused[0].said:
            yield f"one of the two was to be told of the other: {[outcome.tail for outcome in refused]}"

    def told(self) -> str:
        return f"{sum(outcome.ok for outcome in self.outcomes)} of {len(self.outcomes)} operators went on"


class OperatorDies(Fault):
    """Whoever deploys a change to all layers is killed in a task; the next run ends what was begun.

    tasks: how many have begun by then. They do not depend on how busy the machine is, as seconds do.
    """

    seconds = 1.0

    def __init__(self, arena: Arena, leader: str, tasks: int) -> None:
        super().__init__(arena, leader)
        self.tasks = tasks
        self.killed = False

    def inject(self) -> None:
        with start(self.arena.cluster, "site", **CHANGE) as run:
            self.killed = run.begins(self.tasks)
            run.kill()

    def acts(self) -> bool:
        return self.killed

    def heal(self) -> None:
        """Another run, with the inventory as it was."""
        again = play(self.arena.cluster, "site")
        if not again.ok:
            raise RuntimeError(f"the next run failed: {again.tail}")

    def budget(self) -> Budget:
        promised = self.arena.bound("clean_stop")
        return Budget(gap=gap(promised), errors={POOLED: 0}, leadership="stays")

    def told(self) -> str:
        return f"killed in its task {self.tasks}"


class BadParameters(Fault):
    """Somebody declares what PostgreSQL does not know, or would not take: it is refused before it is anywhere."""

    seconds = 1.0
    bad: ClassVar[Mapping[str, str]] = {"work_memory": "5MB", "work_mem": "much"}
    changed = False

    def __init__(self, arena: Arena, leader: str) -> None:
        super().__init__(arena, leader)
        self.before = arena.configuration()
        self.outcomes: list[Outcome] = []

    def inject(self) -> None:
        for name, value in self.bad.items():
            declared = {**CHANGE["pgcluster_postgresql_parameters"], name: value}
            self.outcomes.append(play(self.arena.cluster, "site", pgcluster_postgresql_parameters=declared))

    def acts(self) -> bool:
        return len(self.outcomes) == len(self.bad)

    def heal(self) -> None:
        self.changed = self.changed or self.arena.configuration() != self.before
        if self.changed:
            play(self.arena.cluster, "site")

    def budget(self) -> Budget:
        promised = self.arena.bound("clean_stop")
        return Budget(gap=gap(promised), errors={POOLED: 0}, leadership="stays")

    def complaints(self) -> Iterator[str]:
        for bad, outcome in zip(self.bad, self.outcomes, strict=True):
            if outcome.ok or bad not in outcome.said:
                yield f"{bad} was not refused by its name: {outcome.tail}"
        if self.changed:
            yield "the configuration was changed by what was refused"

    def told(self) -> str:
        return f"{sum(not outcome.ok for outcome in self.outcomes)} of {len(self.bad)} were refused"


class StandbyDiesDuringRestart(Fault):
    """Members are restarted one after the other, and when the first one was, another one dies: the run has to end."""

    seconds = 1.0
    dead = ""
    restarted: Sequence[str] = ()
    outcome: Outcome | None = None

    def inject(self) -> None:
        before = started(self.arena.connect, self.arena.cluster)
        with start(self.arena.cluster, "rolling_restart", everybody=True) as run:
            until("a member was restarted", LONGEST_RUN, lambda: self._restarted(before) or not run.lasts(0))
            if not self.restarted:
                raise NotSo(f"the run restarted nobody: {run.finish().tail}")
            self.dead = next(name for name in self.standbys if name not in self.restarted)
            self.arena.lab.power_cut(self.dead)
            self.outcome = run.finish()

    def _restarted(self, before: Mapping[str, datetime]) -> bool:
        try:
            now = started(self.arena.connect, self.arena.cluster)
        except psycopg.Error:  # it is just being restarted
            return False
        self.restarted = [name for name, moment in now.items() if moment != before[name]]
        return bool(self.restarted)

    def acts(self) -> bool:
        return self.outcome is not None and self.arena.lab.state(self.dead) == "off"

    def heal(self) -> None:
        if self.dead:
            self.arena.lab.start(self.dead)

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("host_lost"), besides=HELD_SECONDS), leadership="stays")

    def complaints(self) -> Iterator[str]:
        if self.outcome is None or self.outcome.ok or self.dead not in self.outcome.said:
            yield f"the run was to end and name {self.dead}: {self.outcome and self.outcome.tail}"

    def told(self) -> str:
        return f"{self.dead} died, and the run {'went on' if self.outcome and self.outcome.ok else 'ended'}"
