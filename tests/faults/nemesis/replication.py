"""Standbys that are gone or cannot come back, and what clients do meanwhile."""

from __future__ import annotations

import time
from typing import ClassVar

import psycopg
from faults.arena import until
from faults.budget import Budget
from faults.fault import Fault, gap
from faults.load import POOLED, READERS, RO, open_session
from faults.nemesis.network import POSTGRESQL, LeaderIsolated
from faults.nemesis.processes import PowerCut
from integration.operations import WHOLE_SECONDS, play

SOME_WAL = "SELECT pg_logical_emit_message(false, 'matriarch', repeat('x', 10000000))"
# Patroni lets a replay go on that was paused, in its next loop.
REPLAYING = "pkill -{signal} -f '^postgres: .*startup recovering' || :"
BEHIND = "SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()"
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
        promised = self.arena.bound("host_lost")
        return Budget(gap=gap(promised, besides=self.seconds), silent_after=0, leadership="stays")


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
        longer = {endpoint: limit.later(self.enough_seconds) for endpoint, limit in super().budget().gap.items()}
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
            f"rm -f {self.tried}; program=$(echo {self.program}); mv $program $program.whole; "
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
    behind = False

    def inject(self) -> None:
        """Whoever shall lead has to replay it all first, so that it may do so from the cut on."""
        self._replay("STOP")
        time.sleep(self.apart_seconds)
        self.behind = all(self.arena.sql(name, BEHIND) == "t" for name in self.standbys)
        super().inject()
        self._replay("CONT")

    def _replay(self, signal: str) -> None:
        for name in self.standbys:
            self.arena.shell(name, REPLAYING.format(signal=signal))

    def acts(self) -> bool:
        return self.behind and super().acts()

    def heal(self) -> None:
        try:
            super().heal()
        finally:
            self._replay("CONT")

    def budget(self) -> Budget:
        longer = {endpoint: limit.later(self.apart_seconds) for endpoint, limit in super().budget().gap.items()}
        return Budget(gap=longer, leadership="moves")


class ReplicasTooOld(Fault):
    """No replica replays, and all are too far behind to be read from: the leader serves readers, too."""

    seconds = 20.0

    def inject(self) -> None:
        for name in self.standbys:
            self.arena.shell(name, REPLAYING.format(signal="STOP"))
        for _number in range(4):
            self.arena.sql(self.leader, SOME_WAL)

    def acts(self) -> bool:
        """Whoever reads now reads from the leader."""
        try:
            with open_session(self.arena.cluster, RO, self.arena.database) as session:
                return session.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
        except psycopg.Error:
            return False

    def heal(self) -> None:
        for name in self.standbys:
            self.arena.shell(name, REPLAYING.format(signal="CONT"))

    def budget(self) -> Budget:
        promised = self.arena.bound("clean_stop")
        # The reader whose session with a replica is cut connects again.
        return Budget(gap=gap(promised), errors={POOLED: 0, RO: 2 * READERS[RO]}, leadership="stays")


class SlotOverrun(Fault):
    """A standby is away for longer than the leader keeps WAL for it: it cannot follow, until an operator clones it."""

    seconds = 5.0
    kept: ClassVar[str] = "max_slot_wal_keep_size"
    before: object = None

    def prepare(self) -> None:
        parameters = self.arena.configuration()["postgresql"]["parameters"]  # type: ignore[index]
        self.before = parameters[self.kept]
        self.arena.configure(**{f"postgresql__parameters__{self.kept}": "64MB"})
        self.arena.until_sql(self.leader, f"SELECT current_setting('{self.kept}')", "64MB")

    def inject(self) -> None:
        self.arena.run(self.standbys[0], "systemctl", "stop", "patroni")
        for _number in range(30):
            self.arena.sql(self.leader, SOME_WAL)
        self.arena.sql(self.leader, "CHECKPOINT")

    def acts(self) -> bool:
        state = f"SELECT wal_status FROM pg_replication_slots WHERE slot_name = '{self.standbys[0]}'"
        return self.arena.sql(self.leader, state) == "lost"

    def heal(self) -> None:
        chosen = self.standbys[0]
        self.arena.run(chosen, "systemctl", "start", "patroni")
        until(f"{chosen} answers", WHOLE_SECONDS, lambda: self._answers(chosen))
        self.reported = play(self.arena.cluster, "status").stdout
        cloned = play(self.arena.cluster, "member", member=chosen, state="reinitialized")
        if not cloned.ok:
            raise RuntimeError(f"{chosen} was not cloned: {cloned.tail}")

    def _answers(self, name: str) -> bool:
        try:
            return self.arena.sql(name, "SELECT pg_is_in_recovery()") == "t"
        except RuntimeError:
            return False

    def telling(self) -> tuple[str, ...]:
        """The one command that brings it back."""
        return (f"-e member={self.standbys[0]} -e state=reinitialized",)

    def restore(self) -> None:
        self.arena.configure(**{f"postgresql__parameters__{self.kept}": self.before})

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("host_lost")), leadership="stays")
