"""Disks that hang where the WAL has one of its own, and where the inventory wants no sentry."""

from __future__ import annotations

from faults.arena import DATA, Arena
from faults.nemesis.disk import VOLUME, WalDisk
from faults.nemesis.storage import FILES, ROOM, SENTRY_SAYS, Hung, HungAndLeftAlone

WAL = f"{DATA}/pg_wal"


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
        self.reported = self.reported or self.arena.shell(self.victim, SENTRY_SAYS.format(since=self.since))
        self.arena.shell(self.victim, f"fsfreeze --unfreeze {WAL} 2>/dev/null || :; rm -f {WAL}/probe")


class HungWithoutSentry(HungAndLeftAlone):
    """There is no sentry."""

    def heal(self) -> None:
        self.arena.shell(self.victim, f"fsfreeze --unfreeze {VOLUME} 2>/dev/null || :")
