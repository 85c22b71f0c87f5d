"""What happens beside the leader: a standby that is gone, a service that dies and is started again."""

from __future__ import annotations

import subprocess
from typing import ClassVar

from faults.budget import Budget
from faults.fault import Fault, gap
from faults.load import DIRECT, POOLED, RW

# The kernel hands several packets over as one, so that some are dropped that would fit.
BLACK_HOLE = """
table inet lab_drops {{
  chain input {{
    type filter hook input priority -300
    iifname != "lo" meta length > {largest} counter drop
  }}
  chain output {{
    type filter hook output priority -300
    oifname != "lo" meta length > {largest} counter drop
  }}
}}
"""


class KilledService(Fault):
    """kill -9 of a service on the leader's host, where it hurts most; systemd starts it again."""

    unit: ClassVar[str]
    seconds = 10.0
    pid = ""

    def _main_process(self) -> str:
        return self.arena.run(self.leader, "systemctl", "show", "--property=MainPID", "--value", self.unit)

    def inject(self) -> None:
        self.pid = self._main_process()
        self.arena.run(self.leader, "kill", "-9", self.pid)

    def acts(self) -> bool:
        return self._main_process() not in ("0", self.pid)

    def heal(self) -> None:
        """systemd is to do it."""

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("postgresql_crash")), leadership="stays")


class KilledEtcd(KilledService):
    unit = "etcd"

    def budget(self) -> Budget:
        promised = self.arena.bound("clean_stop")
        return Budget(gap=gap(promised), errors={POOLED: 0}, leadership="stays")


class KilledHaproxy(KilledService):
    unit = "haproxy"


class KilledPooler(KilledService):
    unit = "pgbouncer@rw"


class KilledBackend(Fault):
    """kill -9 of one session's process: PostgreSQL ends all sessions and recovers, or another member takes over."""

    seconds = 20.0
    client = "SELECT min(pid) FROM pg_stat_activity WHERE datname = '{database}' AND backend_type = 'client backend'"
    pid = ""

    def inject(self) -> None:
        self.pid = self.arena.sql(self.leader, self.client.format(database=self.arena.database))
        self.arena.run(self.leader, "kill", "-9", self.pid)

    def acts(self) -> bool:
        return self.arena.shell(self.leader, f"test -d /proc/{self.pid} || echo gone") == "gone"

    def heal(self) -> None:
        """PostgreSQL is to do it."""

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("postgresql_crash")))


class StandbyPowerCut(Fault):
    """A standby's host goes dark: the other one is enough."""

    seconds = 15.0

    def inject(self) -> None:
        self.arena.lab.power_cut(self.standbys[0])

    def acts(self) -> bool:
        return self.arena.lab.state(self.standbys[0]) == "off"

    def heal(self) -> None:
        self.arena.lab.start(self.standbys[0])

    def budget(self) -> Budget:
        # Clients of the proxy that went with it have to find another one.
        return Budget(gap=gap(self.arena.bound("host_lost")), leadership="stays")


class StandbyIsolated(StandbyPowerCut):
    """A standby's host is parted from all others."""

    def inject(self) -> None:
        self.arena.lab.partition(self.standbys[0])

    def acts(self) -> bool:
        return self.arena.lab.state(self.standbys[0]) == "partitioned"

    def heal(self) -> None:
        self.arena.lab.heal(self.standbys[0])


class StandbyBehindBlackHole(Fault):
    """Nothing large reaches a standby, or comes from it, and nobody is told (an MTU that somewhere is smaller)."""

    seconds = 30.0
    dropped = 0
    largest: ClassVar[int] = 1400  # bytes

    def inject(self) -> None:
        network = self.arena.lab.netns_command(self.standbys[0])
        rules = BLACK_HOLE.format(largest=self.largest)
        subprocess.run([*network, "nft", "-f", "-"], input=rules, text=True, check=True)

    def acts(self) -> bool:
        return self.arena.lab.dropped(self.standbys[0]) > 0

    def heal(self) -> None:
        self.dropped += self.arena.lab.unblock(self.standbys[0])

    def budget(self) -> Budget:
        # Clients of its proxy wait, until they give it up.
        return Budget(gap=gap(self.arena.bound("clean_stop"), DIRECT), leadership="stays")

    def told(self) -> str:
        return f"{self.dropped} packets dropped"


class ProxiesReloaded(Fault):
    """Every proxy reads its configuration again, several times, while clients are in the middle of their work."""

    seconds = 5.0
    times: ClassVar[int] = 4
    workers: str = ""

    def _workers(self) -> str:
        return self.arena.shell(self.leader, "pgrep --parent $(systemctl show -P MainPID haproxy)")

    def inject(self) -> None:
        self.workers = self._workers()
        for _number in range(self.times):
            for name in self.arena.names:
                self.arena.run(name, "systemctl", "reload", "haproxy", "pgbouncer@rw", "pgbouncer@ro")

    def acts(self) -> bool:
        return not set(self.workers.split()).issuperset(self._workers().split())

    def heal(self) -> None:
        """There is nothing to undo."""

    def budget(self) -> Budget:
        promised = self.arena.bound("clean_stop")
        return Budget(gap=gap(promised), errors={POOLED: 0, RW: 0, DIRECT: 0}, leadership="stays")
