"""etcd that is slow."""

from __future__ import annotations

import time

from faults.budget import Budget
from faults.fault import Fault, gap
from faults.load import POOLED
from faults.nemesis.store import ETCD_SAYS
from faults.wholeness import ETCDCTL

DELAY_SECONDS = 0.5
SYNCS = "fsync,fdatasync"
SLOW = f"""
systemd-run --quiet --unit=matriarch-slow strace -qq -f -o /dev/null -p $(systemctl show -P MainPID etcd) \\
    -e trace={SYNCS} -e inject={SYNCS}:delay_enter={DELAY_SECONDS * 1e6:.0f}
"""
# So many at a time that what comes after them waits for more than a second, and not for longer than a leader can.
LEASES = f"""
etcd() {{ {ETCDCTL} lease "$@"; }}
while :; do
    ids=$(for _ in 1 2 3 4 5; do etcd grant 60 & done | cut -d ' ' -f 2)
    for id in $ids; do etcd revoke "$id" & done
    wait
done
"""


class EtcdDiskSlow(Fault):
    """Every sync of every etcd takes half a second: it is slow, and nobody has to lead instead."""

    seconds = 45.0

    def prepare(self) -> None:
        for name in self.arena.names:
            self.arena.shell(name, "DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet strace >/dev/null")

    def inject(self) -> None:
        for name in self.arena.names:
            self.arena.shell(name, SLOW)

    def acts(self) -> bool:
        states = [self.arena.shell(name, "systemctl is-active matriarch-slow || :") for name in self.arena.names]
        begun = time.monotonic()
        self.arena.shell(self.leader, f"{ETCDCTL} put /matriarch-test/slow yes")
        return set(states) == {"active"} and time.monotonic() - begun > DELAY_SECONDS

    def heal(self) -> None:
        for name in self.arena.names:
            self.arena.shell(name, "systemctl stop matriarch-slow 2>/dev/null || :")

    def budget(self) -> Budget:
        promised = self.arena.bound("clean_stop")
        return Budget(gap=gap(promised), errors={POOLED: 0}, leadership="stays")


class EtcdSecondsLate(EtcdDiskSlow):
    """The same while leases end one after the other, each of which etcd has to write before it goes on.

    It then needs more than the second for which it waits itself to renew the leader's lease, and says so.
    """

    def inject(self) -> None:
        super().inject()
        self.arena.run(self.leader, "systemd-run", "--quiet", "--unit=matriarch-leases", "sh", "-c", LEASES)

    def acts(self) -> bool:
        """By etcd's own warning that one of them took long."""
        return int(self.arena.shell(self.leader, f"{ETCD_SAYS} | grep -c lease_revoke || :")) > 0

    def heal(self) -> None:
        self.arena.shell(self.leader, "systemctl stop matriarch-leases 2>/dev/null || :")
        super().heal()
