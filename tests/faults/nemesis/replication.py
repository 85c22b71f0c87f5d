"""Standbys that are gone or cannot come back, and what clients do meanwhile."""

from __future__ import annotations

import time
from typing import ClassVar

from faults.arena import until
from faults.budget import Budget
from faults.fault import GENEROUS, Fault, gap
from faults.nemesis.network import POSTGRESQL, LeaderIsolated
from faults.nemesis.processes import PowerCut

PAUSE = "SELECT pg_wal_replay_pause()"
RESUME = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_wal_replay_resume() END"
CANCEL = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


class NoStandbys(Fault):
    """Patroni and PostgreSQL stop on both standbys: writes wait, and are acknowledged when one is back."""

    seconds = 20.0

    def inject(self) -> None:
        for name in self.standbys:
            self.arena.run(name, "systemctl", "stop", "patroni")

    def acts(self) -> bool:
        return self.arena.sql(self.leader, "SELECT count(*) FROM pg_stat_replication") == "0"

    def heal(self) -> None:
        for name in self.standbys:
            self.arena.run(name, "systemctl", "start", "patroni")

    def budget(self) -> Budget:
        allowed = self.seconds + GENEROUS * self.arena.bound("host_lost")
        return Budget(gap=gap(allowed), leadership="stays")


class CancelledWaits(PowerCut):
    """Clients no longer wait for a standby that does not get their rows, and then the leader's host goes dark.

    What they wrote is on that host alone. They were told so, by a warning; who takes that for a yes has lost rows.
    """

    enough = 20
    enough_seconds = 30
    cancelled = 0

    def inject(self) -> None:
        self.arena.lab.block(self.leader, ports=[POSTGRESQL], peers=self.standbys)
        until("clients were cancelled while they waited", self.enough_seconds, self._cancel)
        super().inject()

    def _cancel(self) -> bool:
        self.cancelled += int(self.arena.sql(self.leader, CANCEL))
        return self.cancelled >= self.enough

    def heal(self) -> None:
        super().heal()
        self.arena.lab.unblock(self.leader)

    def budget(self) -> Budget:
        longer = {endpoint: self.enough_seconds + seconds for endpoint, seconds in super().budget().gap.items()}
        return Budget(gap=longer, leadership="moves")

    def told(self) -> str:
        return f"{self.cancelled} waits cancelled"


class RewindFails(LeaderIsolated):
    """The isolated leader wrote what nobody else has, and cannot be rewound when it is back: it is made anew."""

    program = "/usr/lib/postgresql/*/bin/pg_rewind"
    tried = "/run/postgresql/rewind-tried"
    # Patroni asks it for help to see that it is there.
    broken = f'#!/bin/sh\n[ "$1" = --help ] || {{ touch {tried}; exit 1; }}\n'
    tried_seconds = 120

    def prepare(self) -> None:
        self.arena.shell(
            self.leader,
            f"program=$(echo {self.program}); mv $program $program.whole; "
            f"printf '{self.broken}' > $program; chmod 755 $program",
        )

    def heal(self) -> None:
        is_parted = self.arena.lab.state(self.leader) == "partitioned"
        super().heal()
        if is_parted:
            asked = f"test ! -e {self.tried} || echo tried"
            until("it was tried to rewind", self.tried_seconds, lambda: self.arena.shell(self.leader, asked) == "tried")

    def restore(self) -> None:
        self.arena.shell(self.leader, f"cd $(dirname {self.program}); test ! -e *.whole || mv *.whole pg_rewind")


class StandbysReplayNothing(PowerCut):
    """Both standbys have what the leader wrote, but have not replayed it, when the leader's host goes dark."""

    apart_seconds: ClassVar[float] = 5.0

    def inject(self) -> None:
        for name in self.standbys:
            self.arena.sql(name, PAUSE)
        time.sleep(self.apart_seconds)
        super().inject()

    def heal(self) -> None:
        super().heal()
        for name in self.standbys:
            self.arena.sql(name, RESUME)

    def budget(self) -> Budget:
        longer = {endpoint: self.apart_seconds + seconds for endpoint, seconds in super().budget().gap.items()}
        return Budget(gap=longer, leadership="moves")
