"""Disks that have no room left, or take no more files."""

from __future__ import annotations

from dataclasses import replace

from faults.arena import DATA, until
from faults.budget import Budget
from faults.fault import gap
from faults.nemesis.disk import TAKE_WAL_OUT, VOLUME
from faults.nemesis.volume import ROOM, OnOwnVolume, OnSmallDisk, status
from integration.operations import WHOLE_SECONDS, is_whole

# A volume of its own for WAL, in memory: what is in it does not survive a power cut, but is as full as a disk.
OWN_VOLUME = f"""
cd {DATA}
size=$(($(du --summarize --block-size=1M pg_wal | cut -f 1) + {ROOM}))M
mkdir -m 700 wal_volume
mount -t tmpfs -o size=$size,mode=700,uid=$(id -u postgres),gid=$(id -g postgres) tmpfs wal_volume
cp -a pg_wal/. wal_volume/
mv pg_wal wal_before
mkdir -m 700 pg_wal
mount --bind wal_volume pg_wal
umount wal_volume
rm -r wal_volume wal_before
"""
BALLAST = f"{DATA}.ballast"
FILLING_SECONDS = 60
SEGMENT = 16  # MiB of WAL
FILL = "cd {folder} && dd if=/dev/zero of=filler bs=1M 2>/dev/null || :"
FILL_WITH_FILES = "cd {folder} && mkdir filler && cd filler && seq 100000 | xargs touch 2>/dev/null || :"
NO_ROOM = "journalctl --unit=patroni --since=@{since} --output=cat | grep -c 'No space left' || :"


class Full(OnOwnVolume):
    """The leader's volume is full: PostgreSQL stops, and a standby that has room takes over."""

    seconds = 60.0
    until_moved = True
    folder = VOLUME
    fill = FILL

    def inject(self) -> None:
        """Segments that were kept for later are used up, too."""
        self.arena.shell(self.victim, self.fill.format(folder=self.folder))
        until("PostgreSQL finds no room", FILLING_SECONDS, lambda: not self._takes_another_segment())

    def _takes_another_segment(self) -> bool:
        try:
            self.arena.sql(self.leader, "SELECT pg_switch_wal()")
        except RuntimeError:
            return False
        return True

    def acts(self) -> bool:
        return int(self.arena.shell(self.victim, NO_ROOM.format(since=self.since))) > 0

    def heal(self) -> None:
        try:
            self.reported = self.reported or status(self.arena)
        finally:
            self.arena.shell(self.victim, f"rm -rf {self.folder}/filler")

    def telling(self) -> tuple[str, ...]:
        return (" left (", "less than 10 %")

    def budget(self) -> Budget:
        # Filling takes its time, and clients may already wait for room in it.
        return Budget(gap=gap(self.arena.bound("host_lost"), besides=FILLING_SECONDS), leadership="moves")


class WalVolumeFull(Full):
    """The volume with the leader's WAL is full.

    Where the former leader has more than the new one, pg_rewind has no room either. It is then made anew, beside the
    volume of this test, which nobody has told Patroni of: there is no full volume any more that could be told of.
    """

    folder = f"{DATA}/pg_wal"
    made_anew = False

    def heal(self) -> None:
        super().heal()
        self.made_anew = self.arena.shell(self.victim, f"test ! -e {DATA}.failed || echo yes") == "yes"

    def telling(self) -> tuple[str, ...]:
        return () if self.made_anew else ("(wal) has ", "less than 10 %")

    def told(self) -> str:
        return "made anew, since pg_rewind found no room" if self.made_anew else ""

    def put_in(self) -> None:
        self.arena.shell(self.victim, OWN_VOLUME)

    def take_out(self) -> None:
        self.arena.shell(self.victim, TAKE_WAL_OUT)


class DiskFull(OnSmallDisk, Full):
    """The leader's disk is full, which holds its data and its WAL. Without its ballast PostgreSQL runs, and follows."""

    def heal(self) -> None:
        """An operator does what the status tells; the disk is full of something else all the while."""
        try:
            self.reported = self.reported or status(self.arena)
            self.arena.shell(self.victim, f"rm -f {BALLAST}")
            until("PostgreSQL has room to follow", WHOLE_SECONDS, lambda: is_whole(self.arena.cluster))
        finally:
            self.arena.shell(self.victim, f"rm -f {self.folder}/filler")

    def telling(self) -> tuple[str, ...]:
        """The command that makes room, too."""
        return (*super().telling(), "rm /var/lib/postgresql/17/main.ballast")


class InodesUsedUp(OnSmallDisk, Full):
    """The leader's disk has room, but takes no more files: PostgreSQL stops.

    Once it has recovered, the segments of WAL that it has may be enough to lead on.
    """

    fill = FILL_WITH_FILES

    def budget(self) -> Budget:
        return replace(super().budget(), leadership="any")

    def telling(self) -> tuple[str, ...]:
        return ("takes no more than",)


class StandbysDiskFull(OnSmallDisk, Full):
    """A standby's disk is full: it falls behind, and nobody else feels it."""

    of_leader = False
    until_moved = False
    seconds = 20.0

    def inject(self) -> None:
        self.arena.shell(self.victim, self.fill.format(folder=self.folder))
        for _segment in range(ROOM // SEGMENT):
            self.arena.sql(self.leader, "SELECT pg_switch_wal()")

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("clean_stop")), leadership="stays")
