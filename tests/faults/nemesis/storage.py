"""Disks that have no room left."""

from __future__ import annotations

from faults.arena import DATA, until
from faults.budget import Budget
from faults.fault import GENEROUS, Fault, gap
from faults.nemesis.handover import hand_over, leads

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
AS_BEFORE = f"""
cd {DATA}
mountpoint -q pg_wal || exit 0
mkdir -m 700 wal_after
cp -a pg_wal/. wal_after/
umount pg_wal
rmdir pg_wal
mv wal_after pg_wal
chown postgres:postgres pg_wal
"""
FILL = f"cd {DATA}/pg_wal && dd if=/dev/zero of=ballast bs=1M 2>/dev/null || :"
FILLING_SECONDS = 60


class WalVolumeFull(Fault):
    """The volume with the leader's WAL is full: PostgreSQL stops, and a standby that has room takes over."""

    seconds = 60.0
    until_moved = True
    since = "0"

    def prepare(self) -> None:
        """A standby gets such a volume, and then leads."""
        chosen = self.standbys[0]
        self._while_stopped(chosen, OWN_VOLUME)
        hand_over(self.arena, self.leader, chosen)
        self.leader, self.standbys = chosen, self.arena.others(chosen)

    def _while_stopped(self, name: str, script: str) -> None:
        self.arena.run(name, "systemctl", "stop", "patroni")
        try:
            self.arena.shell(name, script)
        finally:
            self.arena.run(name, "systemctl", "start", "patroni")

    def inject(self) -> None:
        """Segments that were kept for later are used up, too."""
        self.since = self.arena.shell(self.leader, "date +%s")
        self.arena.shell(self.leader, FILL)
        until("PostgreSQL finds no room", FILLING_SECONDS, lambda: not self._takes_another_segment())

    def _takes_another_segment(self) -> bool:
        try:
            self.arena.sql(self.leader, "SELECT pg_switch_wal()")
        except RuntimeError:
            return False
        return True

    def acts(self) -> bool:
        journal = f"journalctl --unit=patroni --since=@{self.since} --output=cat"
        return int(self.arena.shell(self.leader, f"{journal} | grep -c 'No space left' || :")) > 0

    def heal(self) -> None:
        self.arena.shell(self.leader, f"rm -f {DATA}/pg_wal/ballast")

    def restore(self) -> None:
        for name in self.arena.names:
            if name != leads(self.arena) and self.arena.shell(name, f"mountpoint -q {DATA}/pg_wal && echo own || :"):
                self._while_stopped(name, AS_BEFORE)

    def budget(self) -> Budget:
        # Filling takes its time, and clients may already wait for room in it.
        return Budget(gap=gap(FILLING_SECONDS + GENEROUS * self.arena.bound("host_lost")), leadership="moves")
