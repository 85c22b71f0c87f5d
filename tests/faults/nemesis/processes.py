"""Processes that die, and the whole host with them."""

from __future__ import annotations

import time
from typing import ClassVar

from faults.arena import DATA, NotSo, until
from faults.budget import Budget
from faults.fault import Fault, gap
from faults.load import DIRECT, POOLED, RW, WRITERS
from integration.operations import ask_patroni
from lab import LabError

POSTMASTER = f"head -n 1 {DATA}/postmaster.pid"
NOTICED = "journalctl --unit=patroni --since=@{since:.0f} --output=short-unix --grep='Postgresql is not running'"
PATRONI = "systemctl show --property=MainPID --value patroni"


class KillPostmaster(Fault):
    """kill -9 of the leader's postmaster; another member takes over at once."""

    seconds = 60.0
    until_moved = True
    pid = ""
    killed_at = 0.0

    def inject(self) -> None:
        self.pid = self.arena.shell(self.leader, POSTMASTER)
        self.killed_at = time.time()
        self.arena.run(self.leader, "kill", "-9", self.pid)

    def noticed_after(self) -> float:
        """How many seconds it took Patroni to see that, by its own log."""
        told = self.arena.shell(self.leader, NOTICED.format(since=self.killed_at - 1))
        moments = (float(line.split()[0]) for line in told.splitlines() if line[:1].isdigit())
        return next(moment for moment in moments if moment > self.killed_at) - self.killed_at

    def acts(self) -> bool:
        return bool(self.pid) and self.arena.shell(self.leader, f"test -d /proc/{self.pid} || echo gone") == "gone"

    def heal(self) -> None:
        """Patroni is to do it."""

    def budget(self) -> Budget:
        # Whoever is in the middle of a statement then sees it fail.
        errors = {endpoint: 2 * count for endpoint, count in WRITERS.items()}
        return Budget(gap=gap(self.arena.bound("postgresql_crash")), errors=errors, leadership="moves")


class KillPostmasterThatMayRestart(KillPostmaster):
    """The same where the leader is given time to start again: it does so in its place."""

    start_seconds: ClassVar[int] = 300
    until_moved = False
    seconds = 20.0

    def prepare(self) -> None:
        self.arena.configure(primary_start_timeout=self.start_seconds)

    def restore(self) -> None:
        self.arena.configure(primary_start_timeout=0)

    def budget(self) -> Budget:
        # It restarts within one round of Patroni's, and replays what it had not yet written to its tables.
        return Budget(gap=gap(self.arena.bound("host_lost")), leadership="stays")


class KillPostmasterUnseen(KillPostmaster):
    """The same without the waker, for a comparison: Patroni finds out in its next round.

    It has just begun one when that happens, so that chance does not decide how far away the next one is.
    """

    def prepare(self) -> None:
        super().prepare()
        self._everywhere("stop")

    def inject(self) -> None:
        before = self._last_round()
        until("Patroni begins a round", 30, lambda: self._last_round() != before)
        super().inject()

    def _last_round(self) -> object:
        machine = next(each for each in self.arena.cluster.postgres if each.name == self.leader)
        return ask_patroni(self.arena.cluster, machine, "patroni").get("dcs_last_seen")

    def restore(self) -> None:
        self._everywhere("start")
        super().restore()

    def _everywhere(self, verb: str) -> None:
        for name in self.arena.names:
            self.arena.run(name, "systemctl", verb, "matriarch-waker")


class KillPostmasterThatMayRestartUnseen(KillPostmasterUnseen, KillPostmasterThatMayRestart):
    """The same where the leader is given time to start again."""


class KillPatroni(Fault):
    """kill -9 of the leader's Patroni: PostgreSQL goes on, and a new Patroni finds it."""

    seconds = 15.0
    pid = ""

    def inject(self) -> None:
        self.pid = self.arena.shell(self.leader, PATRONI)
        self.arena.run(self.leader, "kill", "-9", self.pid)

    def acts(self) -> bool:
        return self.arena.shell(self.leader, PATRONI) not in ("0", self.pid)

    def heal(self) -> None:
        """systemd is to do it."""

    def budget(self) -> Budget:
        # HAProxy may see the leader's Patroni silent for longer than it is patient, and go by its checks.
        promised = self.arena.bound("postgresql_crash")
        return Budget(gap=gap(promised, POOLED, RW, DIRECT), errors={DIRECT: 0}, leadership="stays")


class PowerCut(Fault):
    """The leader's host goes dark."""

    seconds = 90.0
    until_moved = True

    def inject(self) -> None:
        self.arena.lab.power_cut(self.leader)

    def acts(self) -> bool:
        return self.arena.lab.state(self.leader) == "off"

    def heal(self) -> None:
        self.arena.lab.start(self.leader)

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("host_lost_with_etcd_leader")), leadership="moves")


class PowerCutAfterReload(PowerCut):
    """The same, where clients' sessions are a former HAProxy's: since its reload it checks no server any more.

    The host stays dark: when it comes back, it breaks the sessions that it does not know.
    """

    until_moved = False

    def inject(self) -> None:
        for proxy in (self.leader, *self.standbys):
            self.arena.run(proxy, "systemctl", "reload", "haproxy")
        super().inject()


class Frozen(Fault):
    """The leader's whole host stops for a minute, as a paused virtual machine, and goes on as if nothing had been."""

    seconds = 60.0

    def inject(self) -> None:
        self.arena.lab.freeze(self.leader, vm=True)

    def acts(self) -> bool:
        return self.arena.lab.state(self.leader) == "frozen"

    def heal(self) -> None:
        self.arena.lab.thaw(self.leader)

    def budget(self) -> Budget:
        promised = self.arena.bound("host_lost_with_etcd_leader")
        return Budget(gap=gap(promised, POOLED, RW), leadership="moves")


class AllPowerCut(Fault):
    """Every host goes dark; they come back one after the other."""

    seconds = 2.0

    def inject(self) -> None:
        self.arena.lab.power_cut(*self.arena.names)

    def acts(self) -> bool:
        return {self.arena.lab.state(name) for name in self.arena.names} == {"off"}

    def heal(self) -> None:
        """The first one cannot have booted before the next one runs: its etcd waits for a majority."""
        for name in (*self.standbys, self.leader):
            self.arena.lab.start(name, wait=False)
            time.sleep(1)
        self.arena.lab.start(*self.arena.names)

    def budget(self) -> Budget:
        return Budget()


class SilentPatroni(Fault):
    """SIGSTOP of the leader's Patroni for a minute: the guard has to stop PostgreSQL before another one leads."""

    seconds = 60.0

    def inject(self) -> None:
        self.arena.shell(self.leader, f"kill -STOP $({PATRONI})")

    def acts(self) -> bool:
        return "T" in self.arena.shell(self.leader, f"ps -o stat= -p $({PATRONI}) || :")

    def heal(self) -> None:
        """The guard has killed it; where it did not, it goes on."""
        try:
            self.arena.shell(self.leader, f"kill -CONT $({PATRONI}) || :")
        except (RuntimeError, LabError) as error:
            raise NotSo(f"Patroni could not be let go on: {error}") from error

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("patroni_frozen")), leadership="moves")


class LeaderAndStandbyPowerCut(PowerCut):
    """Two of three hosts go dark at once: the third one leads only when one of them is back."""

    seconds = 40.0
    until_moved = False

    def inject(self) -> None:
        self.arena.lab.power_cut(self.leader, self.standbys[0])

    def acts(self) -> bool:
        return super().acts() and self.arena.sql(self.standbys[1], "SELECT pg_is_in_recovery()") == "t"

    def heal(self) -> None:
        self.arena.lab.start(self.standbys[0], self.leader)

    def budget(self) -> Budget:
        promised = self.arena.bound("host_lost_with_etcd_leader")
        return Budget(gap=gap(promised, besides=self.seconds), silent_after=0)
