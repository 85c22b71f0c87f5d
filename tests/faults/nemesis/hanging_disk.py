"""Disks that hang: what is written to them does not return for a while."""

from __future__ import annotations

from collections.abc import Iterator

from faults.arena import DATA, Arena
from faults.budget import Budget
from faults.fault import gap
from faults.nemesis.disk import VOLUME, WalDisk
from faults.nemesis.handover import leads
from faults.nemesis.volume import FILES, ROOM, OnSmallDisk

WAL = f"{DATA}/pg_wal"
SENTRY_SAYS = "journalctl --unit=matriarch-sentry --since=@{since} --output=cat"


class Hung(OnSmallDisk):
    """What is written to the leader's disk does not return for a while: a standby takes over meanwhile."""

    seconds = 40.0
    hung_seconds = 5.0  # the role's default

    def inject(self) -> None:
        self.arena.shell(self.victim, f"fsfreeze --freeze {VOLUME}")

    def acts(self) -> bool:
        """Somebody who writes waits, and cannot be ended."""
        writes = f"cd {VOLUME}; (touch probe > /dev/null 2>&1 &); sleep 1; ps -C touch -o stat="
        return "D" in self.arena.shell(self.victim, writes)

    def heal(self) -> None:
        self.arena.shell(self.victim, f"fsfreeze --unfreeze {VOLUME} 2>/dev/null || :")
        self._hear_the_sentry()

    def _hear_the_sentry(self) -> None:
        """What it has said is on another disk."""
        self.reported = self.reported or self.arena.shell(self.victim, SENTRY_SAYS.format(since=self.since))

    def telling(self) -> tuple[str, ...]:
        return ("for 5 s no write to ", "this member leads no more")

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("clean_stop"), besides=self.hung_seconds), leadership="moves")


class WalHung(Hung):
    """The disk of the leader's WAL hangs, and that of its data does not."""

    def __init__(self, arena: Arena, leader: str) -> None:
        super().__init__(arena, leader)
        self.disk = WalDisk(arena, self.victim, ROOM, FILES)

    def inject(self) -> None:
        self.arena.shell(self.victim, f"fsfreeze --freeze {WAL}")

    def acts(self) -> bool:
        """Somebody who writes waits, and cannot be ended; the data can be written to."""
        data = f"cd {DATA}/..; touch probe; rm probe"
        writes = f"cd {WAL}; (touch probe > /dev/null 2>&1 &); sleep 1; ps -C touch -o stat="
        return "D" in self.arena.shell(self.victim, f"{data}; {writes}")

    def heal(self) -> None:
        self.arena.shell(self.victim, f"fsfreeze --unfreeze {WAL} 2>/dev/null || :; rm -f {WAL}/probe")
        self._hear_the_sentry()


class HungAndLeftAlone(Hung):
    """The leader's disk hangs, and it leads on, for nobody may take over: its clients wait for the disk."""

    seconds = 20.0
    leads_on = False

    def telling(self) -> tuple[str, ...]:
        """Why the sentry does nothing."""
        return ("nothing is done: ",)

    def complaints(self) -> Iterator[str]:
        yield from super().complaints()
        if "ending PostgreSQL" in self.reported:
            yield f"the sentry ended PostgreSQL: {self.reported}"
        if not self.leads_on:
            yield f"{self.victim} did not lead on"

    def restore(self) -> None:
        """It hands over for this, and not before."""
        self.leads_on = self.leads_on or leads(self.arena) == self.victim
        super().restore()

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("host_lost"), besides=self.seconds))


class HungInPause(HungAndLeftAlone):
    """People work on the cluster by hand."""

    def telling(self) -> tuple[str, ...]:
        return ("nothing is done: Patroni is paused",)

    def inject(self) -> None:
        self.arena.configure(pause="true")
        super().inject()

    def heal(self) -> None:
        try:
            super().heal()
        finally:
            self.arena.configure(pause=None)


class HungWithoutStandbys(HungAndLeftAlone):
    """Both standbys are away."""

    def telling(self) -> tuple[str, ...]:
        return ("nothing is done: no standby is known to have everything",)

    def inject(self) -> None:
        for name in self.standbys:
            self.arena.run(name, "systemctl", "stop", "patroni")
        super().inject()

    def heal(self) -> None:
        try:
            super().heal()
        finally:
            for name in self.standbys:
                self.arena.run(name, "systemctl", "start", "patroni")


class HungWithoutSentry(HungAndLeftAlone):
    """There is no sentry."""

    def telling(self) -> tuple[str, ...]:
        return ()


class StandbyHung(Hung):
    """What is written to a standby's disk does not return for a while: the other one is enough."""

    of_leader = False
    seconds = 20.0

    def telling(self) -> tuple[str, ...]:
        return (f"nothing is done: {self.leader} leads",)

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("clean_stop")), leadership="stays")
