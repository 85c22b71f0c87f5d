"""A small disk of its own for a member's data and its WAL, so that it can be full, hang or fail without the host's."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from faults.arena import DATA, Arena

VOLUME = "/var/lib/postgresql/*"
"""Where it is mounted: above the data directory, as on a host that has such a disk."""

NEEDED = f"cd {VOLUME} && du --summarize --block-size=1M . | cut -f 1 && du --summarize --inodes . | cut -f 1"
# Hosts see a disk when its node is made; nothing but mounting opens it. A copy of a ballast takes no room.
PUT_IN = f"""
test -e {{device}} || mknod {{device}} b $(cat /sys/class/block/{{name}}/dev | tr : ' ')
cd {VOLUME}
mount {{device}} /mnt
cp -a . /mnt
umount /mnt
rm -r ./*
mount {{device}} "$PWD"
cd "$PWD"
find . -name '*.ballast' -exec fallocate --length 64M {{{{}}}} ';'
"""
TAKE_OUT = f"""
if mountpoint -q {VOLUME}; then umount {VOLUME}; fi
mount {{device}} /mnt
cd {VOLUME}
cp -a /mnt/. .
umount /mnt
rmdir lost+found
"""
# The same for the WAL alone.
WAL_NEEDED = f"cd {DATA}/pg_wal && du --summarize --block-size=1M . | cut -f 1 && du --summarize --inodes . | cut -f 1"
PUT_WAL_IN = f"""
test -e {{device}} || mknod {{device}} b $(cat /sys/class/block/{{name}}/dev | tr : ' ')
cd {DATA}
mount {{device}} /mnt
rmdir /mnt/lost+found
chown postgres:postgres /mnt
chmod 700 /mnt
cp -a pg_wal/. /mnt/
umount /mnt
rm -r pg_wal
mkdir -m 700 pg_wal
mount {{device}} pg_wal
"""
# Tried again while something still looks at the volume. When Patroni makes a member anew it moves aside what it cannot
# remove, and the volume with it.
TAKE_WAL_OUT = f"""
for aside in {DATA}.failed*; do
    if mountpoint -q "$aside/pg_wal"; then umount "$aside/pg_wal"; rm -r "$aside"; fi
done
cd {DATA}
if mountpoint -q pg_wal; then
    rm -rf wal_after
    mkdir -m 700 wal_after
    cp -a pg_wal/. wal_after/
    umount pg_wal
    rmdir pg_wal
    mv wal_after pg_wal
    chown postgres:postgres pg_wal
fi
"""


@contextmanager
def stopped(arena: Arena, name: str) -> Iterator[None]:
    """While Patroni and PostgreSQL of a member are stopped."""
    arena.run(name, "systemctl", "stop", "patroni")
    try:
        yield
    finally:
        arena.run(name, "systemctl", "start", "patroni")


class Disk:
    """An image on this machine that a host has for a disk, with so many MiB and files beside what it needs."""

    needed: ClassVar[str] = NEEDED
    putting_in: ClassVar[str] = PUT_IN
    taking_out: ClassVar[str] = TAKE_OUT

    def __init__(self, arena: Arena, host: str, room: int, files: int) -> None:
        self._arena, self._host, self._room, self._files = arena, host, room, files
        self._image = Path(tempfile.gettempdir()) / f"matriarch-{arena.lab.address(host)}.disk"
        self._device = ""

    @property
    def is_in(self) -> bool:
        return bool(self._device)

    def put_in(self) -> None:
        """With Patroni stopped."""
        size, files = map(int, self._arena.shell(self._host, self.needed).split())
        with self._image.open("wb") as image:
            # What a file system of that size needs for itself.
            image.truncate((size + self._room) * 17 // 16 * 2**20)
        on_this_machine("mkfs.ext4", "-q", "-m", "0", "-J", "size=4", "-N", str(files + self._files), str(self._image))
        self._device = on_this_machine("losetup", "--find", "--show", str(self._image))
        self._inside(self.putting_in)

    def repair(self) -> None:
        """With Patroni stopped: what an operator does with a file system that has seen errors."""
        self._arena.shell(self._host, f"umount {VOLUME}")
        on_this_machine("fsck.ext4", "-f", "-y", self._device, accepted=(0, 1))
        self._inside(f"mount {{device}} {VOLUME}")

    def take_out(self) -> None:
        """With Patroni stopped; what is on the disk is kept."""
        self._inside(self.taking_out)
        on_this_machine("losetup", "--detach", self._device)
        self._device = ""
        self._image.unlink()

    def _inside(self, script: str) -> None:
        self._arena.shell(self._host, script.format(device=self._device, name=Path(self._device).name))


class WalDisk(Disk):
    """One for the WAL alone."""

    needed = WAL_NEEDED
    putting_in = PUT_WAL_IN
    taking_out = TAKE_WAL_OUT


def on_this_machine(*command: str, accepted: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode not in accepted:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr or done.stdout}")
    return done.stdout.strip()
