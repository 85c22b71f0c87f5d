"""What a cluster must never be, to show that the checker would see it: each of these has to make it find something."""

from __future__ import annotations

import time

from faults.nemesis.network import POSTGRESQL
from faults.nemesis.processes import PowerCut, SilentPatroni
from faults.nemesis.replication import NoStandbys

# Sessions with it are acknowledged what is on the leader alone.
LOCAL_COMMIT = "-c synchronous_commit=local"
ALONE_SECONDS = 3.0


class AloneThenPowerCut(PowerCut):
    """For some seconds no standby gets what the leader writes; then the leader's host goes dark."""

    def inject(self) -> None:
        self.arena.lab.block(self.leader, ports=[POSTGRESQL], peers=self.standbys)
        time.sleep(ALONE_SECONDS)
        super().inject()


class Asynchronous(AloneThenPowerCut):
    """The same where the leader waits for no standby."""

    def prepare(self) -> None:
        self.arena.configure(synchronous_mode="off", synchronous_mode_strict="false")
        # Patroni's next round says so to PostgreSQL.
        self.arena.until_sql(self.leader, "SELECT current_setting('synchronous_standby_names')", "")

    def heal(self) -> None:
        """Before that it is not whole."""
        super().heal()
        self.restore()

    def restore(self) -> None:
        self.arena.configure(synchronous_mode="quorum", synchronous_mode_strict="true")


class NoStandbysNorStrict(NoStandbys):
    """Both standbys stop, where the leader need not wait for one any more that it cannot have."""

    def prepare(self) -> None:
        self.arena.configure(synchronous_mode_strict="false")

    def restore(self) -> None:
        self.arena.configure(synchronous_mode_strict="true")


class Unguarded(SilentPatroni):
    """A leader whose Patroni hangs, and nothing that stops it when its lease is over."""

    seconds = 45.0

    def inject(self) -> None:
        self.arena.run(self.leader, "systemctl", "stop", "matriarch-guard.socket", "matriarch-guard.service")
        super().inject()

    def heal(self) -> None:
        self.arena.run(self.leader, "systemctl", "start", "matriarch-guard.socket")
        super().heal()
        self.arena.run(self.leader, "systemctl", "restart", "--no-block", "patroni")
