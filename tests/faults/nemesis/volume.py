"""A volume of its own for a member, so that a fault of it is none of the host's."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from faults.arena import Arena, until
from faults.fault import Fault
from faults.nemesis.disk import Disk, stopped
from faults.nemesis.handover import hand_over, leads
from integration.operations import WHOLE_SECONDS, is_whole, play

ROOM = 128  # MiB, beside what is there
FILES = 2000  # beside those that are there


def status(arena: Arena) -> str:
    """What the playbook says."""
    return play(arena.cluster, "status").said


class OnOwnVolume(Fault):
    """A standby gets a volume of its own. Where the fault is one of the leader, it then leads."""

    of_leader: ClassVar[bool] = True
    since = "0"

    def __init__(self, arena: Arena, leader: str) -> None:
        super().__init__(arena, leader)
        self.victim = self.standbys[0]

    @abstractmethod
    def put_in(self) -> None:
        """While the victim is stopped."""

    @abstractmethod
    def take_out(self) -> None:
        """While the victim is stopped; nothing, where there is none."""

    def prepare(self) -> None:
        with stopped(self.arena, self.victim):
            self.put_in()
        until("the standby is back", WHOLE_SECONDS, lambda: is_whole(self.arena.cluster))
        if self.of_leader:
            hand_over(self.arena, self.leader, self.victim)
            self.leader, self.standbys = self.victim, self.arena.others(self.victim)
        self.since = self.arena.shell(self.victim, "date +%s")

    def restore(self) -> None:
        if leads(self.arena) == self.victim:
            hand_over(self.arena, self.victim, self.standbys[0])
        with stopped(self.arena, self.victim):
            self.take_out()


class OnSmallDisk(OnOwnVolume):
    """The victim has a small disk for its data and its WAL."""

    def __init__(self, arena: Arena, leader: str) -> None:
        super().__init__(arena, leader)
        self.disk = Disk(arena, self.victim, ROOM, FILES)

    def put_in(self) -> None:
        self.disk.put_in()

    def take_out(self) -> None:
        if self.disk.is_in:
            self.disk.take_out()
