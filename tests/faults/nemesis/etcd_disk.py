"""An etcd member whose own disk is full."""

from __future__ import annotations

from typing import ClassVar

from faults.budget import Budget
from faults.fault import Fault, gap
from faults.load import POOLED

FOLDER = "/var/lib/etcd"
# A small disk in memory, with what etcd has.
PUT_IN = f"""
systemctl stop etcd
cd {FOLDER}
mount -t tmpfs -o size=$(($(du --summarize --block-size=1M . | cut -f 1) + 8))M,mode=700 tmpfs /mnt
chown --reference=. /mnt
cp -a . /mnt
mount --bind /mnt {FOLDER}
umount /mnt
systemctl start --no-block etcd
"""
TAKE_OUT = f"""
systemctl stop etcd
if mountpoint -q /mnt; then umount /mnt; fi
mountpoint -q {FOLDER} || exec systemctl start --no-block etcd
mount --bind / /mnt
find /mnt{FOLDER} -mindepth 1 -delete
cp -a {FOLDER}/. /mnt{FOLDER}
umount /mnt
umount {FOLDER}
systemctl start --no-block etcd
"""
FILL = f"dd if=/dev/zero of={FOLDER}/filler bs=64k 2>/dev/null || :"
LEFT = f"df --output=avail --block-size=1 {FOLDER} | tail -n 1"


class EtcdDiskFull(Fault):
    """The disk of etcd on the leader's host is full: the other members go on, and so does everybody else."""

    seconds = 30.0
    full: ClassVar[str] = "0"

    def prepare(self) -> None:
        self.arena.shell(self.leader, PUT_IN)

    def inject(self) -> None:
        self.arena.shell(self.leader, FILL)

    def acts(self) -> bool:
        return self.arena.shell(self.leader, LEFT).strip() == self.full

    def heal(self) -> None:
        self.arena.shell(self.leader, f"rm -f {FOLDER}/filler")

    def restore(self) -> None:
        self.arena.shell(self.leader, TAKE_OUT)

    def budget(self) -> Budget:
        promised = self.arena.bound("postgresql_crash")
        return Budget(gap=gap(promised), errors={POOLED: 0}, leadership="stays")
