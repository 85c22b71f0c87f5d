# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One named lab: what tests and the command line ask of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from . import delay, disk, drops, faults, host, inside, lifecycle, power, prerequisites
from .drops import Drops
from .folders import Folders, locked
from .host import Host
from .inventory import Entry
from .place import Place
from .shell import run


class Lab:
    """A bridge, a /24 network and a set of hosts under one name; labs live side by side.

    Every method may be repeated, raises LabError, and returns only when what it did can be seen.
    """

    def __init__(
        self, name: str = "demo", folders: Folders | None = None, tell: Callable[[str], None] = lambda line: None
    ) -> None:
        self._place = Place(host.check_name("lab", name), folders or Folders.from_environment())
        self._tell = tell

    # Hosts come and go

    def up(self, *names: str, suite: str | None = None, packages: str | None = None) -> None:
        """Create the hosts that are not there yet, with the next free of the addresses .11, .12, ...; boot and wait.

        suite: bookworm, trixie (the default) or forky; packages: cached (the default: known downloads are there
        already) or none (a bare host). Both are fixed when a host is created.
        """
        prerequisites.check()
        with locked(self._place.folder):
            hosts = lifecycle.create(self._place, names, suite, packages, self._tell)
            lifecycle.boot(self._place, hosts)
        lifecycle.wait(self._place, hosts, self._tell)

    def start(self, *names: str, wait: bool = True) -> None:
        """Boot from the disk as it was left."""
        with locked(self._place.folder):
            hosts = self._place.some(*names)
            lifecycle.boot(self._place, hosts)
        if wait:
            lifecycle.wait(self._place, hosts, self._tell)

    def down(self, *names: str, purge: bool = False) -> None:
        """Switch off these hosts, or all and the lab's network with them; `purge` forgets them and their disks."""
        with locked(self._place.folder):
            for found in self._place.hosts():
                if found.name in names or not names:
                    lifecycle.remove(found, purge=purge)
            if not names and self._place.claimed():
                lifecycle.remove_network(self._place)
            if not names and purge:
                run("rm", "-rf", "--one-file-system", self._place.folder)

    def status(self) -> list[Entry]:
        """Every host, in the order of the addresses."""
        return [self._entry(found) for found in self._place.hosts()]

    def state(self, name: str) -> str:
        """off, on, frozen or partitioned."""
        return faults.state(self._one(name))

    def address(self, name: str) -> str:
        return self._one(name).address

    def harvest(self, *names: str) -> int:
        """Keep what these hosts (or all) downloaded for hosts to come; return the number of new packages."""
        hosts = self._place.some_or_all(*names)
        return sum(self._place.packages(found).take(disk.layer(found)) for found in hosts)

    # Faults

    def power_cut(self, *names: str) -> None:
        for found in self._place.some(*names):
            power.cut(found)

    def freeze(self, *names: str, vm: bool = False) -> None:
        """Stop every process; with `vm` the network card, too, as a paused virtual machine."""
        with locked(self._place.folder):
            for found in self._place.some(*names):
                faults.freeze(found, vm=vm)

    def thaw(self, *names: str) -> None:
        with locked(self._place.folder):
            for found in self._place.some(*names):
                faults.thaw(found)

    def partition(self, *names: str) -> None:
        """Put these hosts together on an island, away from all others and from this machine."""
        with locked(self._place.folder):
            faults.partition(self._place.subnet(), self._place.some(*names))

    def heal(self, *names: str) -> None:
        """Bring these hosts, or all that are on, back to the lab's bridge."""
        with locked(self._place.folder):
            hosts = self._place.some_or_all(*names)
            faults.heal(self._place.subnet(), [found for found in hosts if names or power.is_on(found)])

    def block(
        self,
        name: str,
        *,
        ports: Sequence[int] = (),
        peers: Sequence[str] = (),
        percent: int = 100,
        answers: bool = False,
    ) -> None:
        """Drop what this host sends to and gets from these TCP ports (none given: all traffic) and hosts (all).

        `answers`: only the data that it sends from those ports, so that connections are made and nothing comes.
        """
        addresses = [self.address(peer) for peer in peers]
        drops.start(self._one(name), Drops(ports, addresses, percent, answers))

    def unblock(self, *names: str) -> int:
        """Undo block; return the number of packets dropped, which proves that it acted."""
        return sum(drops.stop(found) for found in self._place.some(*names))

    def dropped(self, name: str) -> int:
        """How many packets were dropped since `block`: above zero, it acts."""
        return drops.so_far(self._one(name)) or 0

    def delay(self, name: str, milliseconds: float) -> None:
        """Delay every frame from and to this host by so much each way; 0 undoes it."""
        with locked(self._place.folder):
            delay.set_to(self._one(name), milliseconds)

    # Ways in

    def execute(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside, without the network; the caller looks at `returncode`."""
        return subprocess.run([*self.exec_command(name), *command], text=True, capture_output=True, check=False)

    def ssh_command(self, name: str) -> list[str]:
        """What to put before a command so that it runs inside, over the network."""
        return inside.ssh_command(self._one(name), self.key, self.known_hosts)

    def exec_command(self, name: str) -> list[str]:
        """What to put before a command so that it runs inside, without the network."""
        return inside.exec_command(self._one(name))

    def netns_command(self, name: str) -> list[str]:
        """What to put before a command of this machine so that it runs in the host's network."""
        return inside.netns_command(self._one(name))

    @property
    def key(self) -> Path:
        return self._place.key

    @property
    def known_hosts(self) -> Path:
        return self._place.known_hosts

    def _one(self, name: str) -> Host:
        return self._place.some(name)[0]

    def _entry(self, found: Host) -> Entry:
        return Entry(
            name=found.name,
            address=found.address,
            suite=found.record.suite,
            state=faults.state(found),
            key=str(self.key),
            known_hosts=str(self.known_hosts),
        )
