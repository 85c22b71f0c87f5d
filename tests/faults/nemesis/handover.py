"""Leadership that is asked to move, by Patroni alone and by our playbook, under circumstances that are not the best."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import psycopg
from client_load import Session
from faults.arena import Arena, until
from faults.budget import Budget
from faults.fault import Fault, gap
from faults.load import POOLED, open_session
from integration.operations import HELD_SECONDS, WHOLE_SECONDS, is_whole, play, standing

MOVE = "patronictl -c /etc/patroni/config.yml switchover --leader {leader} --candidate {candidate} --force"
ARCHIVER_SECONDS = 60
RECEIVER = "SELECT pid FROM pg_stat_wal_receiver"
NO_NAMES = "cp -p /etc/resolv.conf /run/resolv.conf.own; echo nameserver 192.0.2.1 > /etc/resolv.conf"
NAMES = "! test -e /run/resolv.conf.own || cat /run/resolv.conf.own > /etc/resolv.conf"


def hand_over(arena: Arena, leader: str, candidate: str) -> None:
    """As a part of something else: once all is whole, and until all is."""
    until("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(arena.cluster))
    arena.shell(leader, MOVE.format(leader=leader, candidate=candidate))
    until(f"{candidate} leads", WHOLE_SECONDS, lambda: is_whole(arena.cluster) and leads(arena) == candidate)


def leads(arena: Arena) -> str:
    return standing(arena.connect, arena.cluster)[0].name


class Demoted(Fault):
    """The leader hands over as Patroni does it, unannounced to poolers and clients; some of these are idle."""

    seconds = 60.0
    until_moved = True
    idle_clients = 20

    def __init__(self, arena: Arena, leader: str) -> None:
        super().__init__(arena, leader)
        self.idle: list[Session] = []
        self.failures: list[str] = []

    def prepare(self) -> None:
        """Sessions that have been served by the leader, and hold no transaction."""
        self.idle = [self._served() for _number in range(self.idle_clients)]

    def _served(self) -> Session:
        session = open_session(self.arena.cluster, POOLED, self.arena.database)
        session.execute("SELECT 1")
        return session

    def inject(self) -> None:
        self.arena.shell(self.leader, MOVE.format(leader=self.leader, candidate=self.standbys[0]))

    def acts(self) -> bool:
        return self.arena.sql(self.standbys[0], "SELECT pg_is_in_recovery()") == "f"

    def heal(self) -> None:
        """There is nothing to undo."""

    def restore(self) -> None:
        """Who was idle now asks the new leader, and has to be answered."""
        while self.idle:
            self._ask(self.idle.pop())

    def _ask(self, session: Session) -> None:
        with session:
            try:
                session.execute("CREATE TEMPORARY TABLE mine () ON COMMIT DROP")
            except psycopg.Error as error:
                self.failures.append(str(error))

    def complaints(self) -> Iterator[str]:
        if self.failures:
            yield f"{len(self.failures)} of {self.idle_clients} idle clients were told an error: {self.failures[0]}"

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("clean_stop")), leadership="moves")

    def told(self) -> str:
        return f"{len(self.failures)} of {self.idle_clients} idle clients were told an error"


class DemotedWhileArchivingFails(Demoted):
    """The same while no segment can be archived: who leads does not wait for the archive."""

    idle_clients = 0
    failed_before = 0

    def prepare(self) -> None:
        self.failed_before = self._failed()
        self.arena.configure(postgresql__parameters__archive_command="/bin/false")
        self.arena.sql(self.leader, "SELECT pg_switch_wal()")
        until("archiving fails", ARCHIVER_SECONDS, self._fails)

    def _fails(self) -> bool:
        return self._failed() > self.failed_before

    def _failed(self) -> int:
        return int(self.arena.sql(self.leader, "SELECT failed_count FROM pg_stat_archiver"))

    def restore(self) -> None:
        self.arena.configure(postgresql__parameters__archive_command="/bin/true")

    def told(self) -> str:
        return ""


class DemotedWithoutNames(Demoted):
    """The same while no name can be resolved: the cluster knows addresses."""

    idle_clients = 0

    def inject(self) -> None:
        for name in self.arena.names:
            self.arena.shell(name, NO_NAMES)
        super().inject()

    def acts(self) -> bool:
        """Who asks for a name waits in vain; on a host that knows no names anyway it would be told so at once."""
        asked = self.arena.shell(self.leader, "timeout 2 getent hosts debian.org || echo $?")
        return asked == "124" and super().acts()

    def heal(self) -> None:
        for name in self.arena.names:
            self.arena.shell(name, NAMES)

    def told(self) -> str:
        return ""


class PromotionTakesLong(Demoted):
    """The new leader looks for segments in an archive that takes its time, before it is promoted."""

    idle_clients = 0
    looks: ClassVar[str] = "sleep 1; false"
    allowed_seconds: ClassVar[float] = 30.0

    def prepare(self) -> None:
        self.arena.configure(postgresql__recovery_conf__restore_command=self.looks)
        for name in self.standbys:
            self.arena.until_sql(name, "SELECT current_setting('restore_command')", self.looks)

    def restore(self) -> None:
        self.arena.configure(postgresql__recovery_conf=None)

    def budget(self) -> Budget:
        return Budget(gap=gap(0, besides=self.allowed_seconds), leadership="moves")

    def told(self) -> str:
        return ""


class DemotedBeforeAMob(Demoted):
    """Hundreds of pooled clients want something of the new leader at the same time."""

    idle_clients = 300
    at_a_time: ClassVar[int] = 50

    def restore(self) -> None:
        mob, self.idle = self.idle, []
        with ThreadPoolExecutor(self.at_a_time) as pool:
            list(pool.map(self._ask, mob))

    def prepare(self) -> None:
        with ThreadPoolExecutor(self.at_a_time) as pool:
            self.idle = list(pool.map(lambda _number: self._served(), range(self.idle_clients)))


class CandidateReceivesNothing(Fault):
    """The candidate's receiver of WAL hangs, and an operator hands over to it: refused, or done without a loss."""

    seconds = 1.0
    candidate = ""
    receiver = ""
    outcome = "did not end"

    def inject(self) -> None:
        self.candidate = self.standbys[0]
        self.receiver = self.arena.sql(self.candidate, RECEIVER)
        self.arena.run(self.candidate, "kill", "-STOP", self.receiver)
        self.outcome = "went well" if play(self.arena.cluster, "switchover", candidate=self.candidate).ok else "refused"

    def acts(self) -> bool:
        """Nobody but us lets it go on; PostgreSQL may have replaced it when it stopped."""
        state = self.arena.shell(self.candidate, f"ps -o stat= -p {self.receiver} || :")
        return state.startswith("T") or not state

    def heal(self) -> None:
        if self.receiver:
            self.arena.shell(self.candidate, f"kill -CONT {self.receiver} 2>/dev/null || :")

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("clean_stop"), POOLED, besides=HELD_SECONDS))

    def told(self) -> str:
        return f"the switchover {self.outcome}"
