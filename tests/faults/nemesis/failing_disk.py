"""Disks that are slow, fail, or hand back something else than was written."""

from __future__ import annotations

from faults.arena import DATA, NotSo, until
from faults.budget import Budget
from faults.fault import Fault, gap
from faults.nemesis.disk import VOLUME, stopped
from faults.nemesis.volume import OnSmallDisk, status
from integration.operations import WHOLE_SECONDS, play

TRACE = "/run/slow-disk"


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

    def telling(self) -> tuple[str, ...]:
        return ("nothing can be written to the file system of",)

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("host_lost")), leadership="moves")


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
        return Budget(gap=gap(self.arena.bound("host_lost")), leadership="stays")


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

    def telling(self) -> tuple[str, ...]:
        return ("did not fit its checksum",)

    def restore(self) -> None:
        until("the new copy has it right", WHOLE_SECONDS, lambda: self._on(self.standbys[0], self.count) == "10000")
        self._on(self.leader, "DROP TABLE spoiled")

    def _on(self, name: str, query: str) -> str:
        return self.arena.sql(name, query, self.arena.database)

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("clean_stop")), leadership="stays")
