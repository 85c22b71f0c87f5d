"""Clocks that are wrong: PostgreSQL and Patroni of the leader believe another time than everybody else.

libfaketime tells it to them. etcd, a static program, cannot be told.
"""

from __future__ import annotations

import time
from typing import ClassVar

from faults.arena import NotSo, until
from faults.budget import Budget
from faults.fault import Fault, gap
from faults.load import POOLED
from integration.operations import WHOLE_SECONDS, is_whole, play

OFFSET = "/run/matriarch-clock"
DROP_IN = "/run/systemd/system/patroni.service.d/clock.conf"
PREPARE = f"""
DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet libfaketime >/dev/null
echo +0 > {OFFSET}
mkdir -p $(dirname {DROP_IN})
cat > {DROP_IN} <<END
[Service]
Environment=LD_PRELOAD=$(dpkg -L libfaketime | grep '/libfaketime.so.1$')
Environment=FAKETIME_TIMESTAMP_FILE={OFFSET} FAKETIME_CACHE_DURATION=1 FAKETIME_DONT_FAKE_MONOTONIC=1
END
systemctl daemon-reload
systemctl restart patroni
"""
RESTORE = f"rm -f {DROP_IN}; systemctl daemon-reload; systemctl restart patroni"
CLOCK = "SELECT extract(epoch FROM clock_timestamp())"


class LeaderClockBack(Fault):
    """The leader's clock goes back by an hour."""

    offset: ClassVar[int] = -3600
    seconds = 45.0
    still_leads = False

    def prepare(self) -> None:
        """A standby gets a clock that can be set, and then leads."""
        chosen = self.standbys[0]
        self.arena.shell(chosen, PREPARE)
        until("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(self.arena.cluster))
        self._switch_to(chosen)
        self.leader, self.standbys = chosen, self.arena.others(chosen)

    def inject(self) -> None:
        self.arena.shell(self.leader, f"echo {self.offset:+d} > {OFFSET}")

    def acts(self) -> bool:
        """PostgreSQL may not answer for a while, or have been stopped."""
        try:
            wrong = float(self.arena.sql(self.leader, CLOCK)) - time.time()
        except RuntimeError:
            return False
        return abs(wrong - self.offset) < 5

    def heal(self) -> None:
        self.arena.shell(self.leader, f"! test -e {OFFSET} || echo +0 > {OFFSET}")
        self.still_leads = self._takes_writes()

    def _switch_to(self, name: str) -> None:
        if not (run := play(self.arena.cluster, "switchover", candidate=name)).ok:
            raise NotSo(f"{name} does not lead: {run.tail}")

    def _takes_writes(self) -> bool:
        try:
            return self.arena.sql(self.leader, "SELECT pg_is_in_recovery()") == "f"
        except RuntimeError:
            return False

    def restore(self) -> None:
        """Once another one leads, as a restart of Patroni restarts PostgreSQL, too; and no client may feel that."""
        if self.arena.shell(self.leader, f"test -e {DROP_IN} && echo there || :"):
            if self._takes_writes():
                self._switch_to(self.standbys[0])
            self.arena.shell(self.leader, RESTORE)

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("host_lost_with_etcd_leader")))

    def told(self) -> str:
        return f"{self.leader} {'led in the end' if self.still_leads else 'lost its lead'}"


class LeaderClockForward(LeaderClockBack):
    """The leader's clock goes forward by an hour."""

    offset = 3600


class LeaderClockSkewed(LeaderClockBack):
    """The leader's clock is wrong by ten seconds, which is nobody's business."""

    offset = 10
    seconds = 30.0

    def budget(self) -> Budget:
        promised = self.arena.bound("clean_stop")
        return Budget(gap=gap(promised), errors={POOLED: 0}, leadership="stays")
