"""Disks that have no room left, hang, are slow, fail, or hand back something else than was written."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from faults.arena import DATA, Arena, NotSo, until
from faults.budget import Budget
from faults.fault import GENEROUS, Fault, gap
from faults.nemesis.disk import TAKE_WAL_OUT, VOLUME, Disk, stopped
from faults.nemesis.handover import hand_over, leads
from integration.operations import WHOLE_SECONDS, is_whole, play

ROOM = 128  # MiB, beside what is there
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
FILES = 2000  # beside those that are there
FILL = "cd {folder} && dd if=/dev/zero of=filler bs=1M 2>/dev/null || :"
FILL_WITH_FILES = "cd {folder} && mkdir filler && cd filler && seq 100000 | xargs touch 2>/dev/null || :"
TRACE = "/run/slow-disk"
SENTRY_SAYS = "journalctl --unit=matriarch-sentry --since=@{since} --output=cat"
NO_ROOM = "journalctl --unit=patroni --since=@{since} --output=cat | grep -c 'No space left' || :"


def status(arena: Arena) -> str:
    """What the playbook says."""
    return play(arena.cluster, "status").said


class OnOwnVolume(Fault):
    """A standby gets a volume of its own. Where the fault is one of the leader, it then leads."""

    of_leader: ClassVar[bool] = True
    since = "0"

    def __init__(self, arena: Arena, leader: str) -> None:
        super().__init__(arena, leader)
        self.victim = self.standbys[0]

    @abstractmethod
    def put_in(self) -> None:
        """While the victim is stopped."""

    @abstractmethod
    def take_out(self) -> None:
        """While the victim is stopped; nothing, where there is none."""

    def prepare(self) -> None:
        with stopped(self.arena, self.victim):
            self.put_in()
        until("the standby is back", WHOLE_SECONDS, lambda: is_whole(self.arena.cluster))
        if self.of_leader:
            hand_over(self.arena, self.leader, self.victim)
            self.leader, self.standbys = self.victim, self.arena.others(self.victim)
        self.since = self.arena.shell(self.victim, "date +%s")

    def restore(self) -> None:
        if leads(self.arena) == self.victim:
            hand_over(self.arena, self.victim, self.standbys[0])
        with stopped(self.arena, self.victim):
            self.take_out()


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

    def budget(self) -> Budget:
        # Filling takes its time, and clients may already wait for room in it.
        return Budget(gap=gap(FILLING_SECONDS + GENEROUS * self.arena.bound("host_lost")), leadership="moves")


class WalVolumeFull(Full):
    """The volume with the leader's WAL is full."""

    folder = f"{DATA}/pg_wal"

    def put_in(self) -> None:
        self.arena.shell(self.victim, OWN_VOLUME)

    def take_out(self) -> None:
        self.arena.shell(self.victim, TAKE_WAL_OUT)


class OnSmallDisk(OnOwnVolume):
    """The victim has a small disk for its data and its WAL."""

    def __init__(self, arena: Arena, leader: str) -> None:
        super().__init__(arena, leader)
        self.disk = Disk(arena, self.victim, ROOM, FILES)

    def put_in(self) -> None:
        self.disk.put_in()

    def take_out(self) -> None:
        if self.disk.is_in:
            self.disk.take_out()


class DiskFull(OnSmallDisk, Full):
    """The leader's disk is full, which holds its data and its WAL. Without its ballast PostgreSQL runs, and follows."""

    def heal(self) -> None:
        """An operator does what the status tells; the disk is full of something else all the while."""
        self.reported = self.reported or status(self.arena)
        try:
            self.arena.shell(self.victim, f"rm -f {BALLAST}")
            until("PostgreSQL has room to follow", WHOLE_SECONDS, lambda: is_whole(self.arena.cluster))
        finally:
            self.arena.shell(self.victim, f"rm -f {self.folder}/filler")


class InodesUsedUp(OnSmallDisk, Full):
    """The leader's disk has room, but takes no more files."""

    fill = FILL_WITH_FILES


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
        return Budget(gap=gap(GENEROUS * self.arena.bound("clean_stop")), leadership="stays")


class ReadOnly(OnSmallDisk):
    """The kernel finds an error on the leader's disk, and lets nothing be written to it any more."""

    seconds = 60.0
    until_moved = True

    def inject(self) -> None:
        self.arena.shell(self.victim, f"mount -o remount,abort {VOLUME}")

    def acts(self) -> bool:
        return "Read-only" in self.arena.shell(self.victim, f"cd {VOLUME} && touch probe 2>&1 || :")

    def heal(self) -> None:
        if self.disk.is_in:
            self.reported = self.reported or status(self.arena)
            with stopped(self.arena, self.victim):
                self.disk.repair()

    def budget(self) -> Budget:
        return Budget(gap=gap(GENEROUS * self.arena.bound("host_lost")), leadership="moves")


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
        """What the sentry says is on another disk."""
        self.reported = self.reported or self.arena.shell(self.victim, SENTRY_SAYS.format(since=self.since))
        self.arena.shell(self.victim, f"fsfreeze --unfreeze {VOLUME} 2>/dev/null || :")

    def budget(self) -> Budget:
        return Budget(gap=gap(self.hung_seconds + GENEROUS * self.arena.bound("clean_stop")), leadership="moves")


class HungAndLeftAlone(Hung):
    """The leader's disk hangs, and it leads on, for nobody may take over: its clients wait for the disk."""

    seconds = 20.0
    leads_on = False

    def restore(self) -> None:
        """It hands over for this, and not before."""
        self.leads_on = self.leads_on or leads(self.arena) == self.victim
        super().restore()

    def budget(self) -> Budget:
        return Budget(gap=gap(self.seconds + GENEROUS * self.arena.bound("host_lost")))


class HungInPause(HungAndLeftAlone):
    """People work on the cluster by hand."""

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


class StandbyHung(Hung):
    """What is written to a standby's disk does not return for a while: the other one is enough."""

    of_leader = False
    seconds = 20.0

    def budget(self) -> Budget:
        return Budget(gap=gap(GENEROUS * self.arena.bound("clean_stop")), leadership="stays")


class Slow(Fault):
    """Every fsync of the leader's PostgreSQL takes half a second longer."""

    seconds = 20.0
    delay_ms = 500

    def prepare(self) -> None:
        self.arena.run(self.leader, "apt-get", "install", "--yes", "-qq", "strace")

    def inject(self) -> None:
        delay = f"-e trace=fdatasync,fsync -e inject=fdatasync,fsync:delay_enter={self.delay_ms}ms"
        processes = "$(pgrep -x -u postgres postgres | sed s/^/-p/)"
        self.arena.shell(
            self.leader, f"systemd-run --quiet --collect --unit=slow-disk strace -f -o {TRACE} {delay} {processes}"
        )

    def acts(self) -> bool:
        return int(self.arena.shell(self.leader, f"grep -c DELAYED {TRACE} 2>/dev/null || :") or 0) > 0

    def heal(self) -> None:
        self.arena.shell(self.leader, "systemctl stop slow-disk 2>/dev/null || :")

    def budget(self) -> Budget:
        return Budget(gap=gap(GENEROUS * self.arena.bound("host_lost")), leadership="stays")


class FlippedByte(Fault):
    """A byte of a table is another one on a standby's disk: it is seen when it is read, and a new copy has it right."""

    seconds = 1.0
    count = "SELECT count(*) FROM spoiled"
    said = ""

    def prepare(self) -> None:
        self._on(self.leader, "CREATE TABLE spoiled AS SELECT number FROM generate_series(1, 10000) AS number")
        self._on(self.leader, "VACUUM (FREEZE) spoiled")
        self._on(self.leader, "CHECKPOINT")

    def inject(self) -> None:
        self._replayed()
        path = self._on(self.standbys[0], "SELECT pg_relation_filepath('spoiled')")
        with stopped(self.arena, self.standbys[0]):
            flip = f"printf '\\377' | dd of=$(echo {DATA})/{path} bs=1 seek=12000 conv=notrunc status=none"
            self.arena.shell(self.standbys[0], flip)

    def _replayed(self) -> None:
        end = self.arena.sql(self.leader, "SELECT pg_current_wal_lsn()")
        self.arena.until_sql(self.standbys[0], f"SELECT pg_last_wal_replay_lsn() >= '{end}'", "t")

    def acts(self) -> bool:
        try:
            self._on(self.standbys[0], self.count)
        except RuntimeError as error:
            self.said = str(error)
        return "invalid page" in self.said

    def heal(self) -> None:
        if self.said:
            self.reported = self.reported or status(self.arena)
            done = play(self.arena.cluster, "member", member=self.standbys[0], state="reinitialized")
            if not done.ok:
                raise NotSo(f"the standby was not cloned again: {done.tail}")

    def restore(self) -> None:
        until("the new copy has it right", WHOLE_SECONDS, lambda: self._on(self.standbys[0], self.count) == "10000")
        self._on(self.leader, "DROP TABLE spoiled")

    def _on(self, name: str, query: str) -> str:
        return self.arena.sql(name, query, self.arena.database)

    def budget(self) -> Budget:
        return Budget(gap=gap(GENEROUS * self.arena.bound("clean_stop")), leadership="stays")
