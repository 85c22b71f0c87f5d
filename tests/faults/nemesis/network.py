"""Packets that do not arrive."""

from __future__ import annotations

from typing import ClassVar

from faults.budget import Budget
from faults.fault import Fault, gap
from faults.load import DIRECT, POOLED, RW

POSTGRESQL, REST = 5432, 8008
ETCD_CLIENTS, ETCD_PEERS = 2379, 2380
END_WALRECEIVER = "pkill -f '^postgres: .*walreceiver'"
# PostgreSQL 17 writes the event's name in other letters than 16.
CONNECTING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'walreceiver' AND lower(wait_event) = 'libpqwalreceiverconnect'
"""


class LeaderIsolated(Fault):
    """The leader's host is parted from every host and every client."""

    seconds = 90.0
    until_moved = True

    def inject(self) -> None:
        self.arena.lab.partition(self.leader)

    def acts(self) -> bool:
        if self.arena.lab.state(self.leader) != "partitioned":
            return False
        peer = self.arena.lab.address(self.standbys[0])
        return self.arena.lab.execute(self.leader, "ping", "-c", "1", "-W", "1", peer).returncode != 0

    def heal(self) -> None:
        self.arena.lab.heal(self.leader)

    def budget(self) -> Budget:
        promised = self.arena.bound("host_lost_with_etcd_leader")
        return Budget(gap=gap(promised), leadership="moves")


class Blocked(Fault):
    """The leader's host drops what it exchanges on some ports with the other hosts."""

    ports: ClassVar[tuple[int, ...]]
    dropped = 0

    def inject(self) -> None:
        self.arena.lab.block(self.leader, ports=self.ports, peers=self.standbys)

    def acts(self) -> bool:
        return self.arena.lab.dropped(self.leader) > 0

    def heal(self) -> None:
        self.dropped += self.arena.lab.unblock(self.leader)

    def told(self) -> str:
        return f"{self.dropped} packets dropped"


class LeaderInMinority(Blocked):
    """The leader is parted from the other members, but not from clients: those on its side are acknowledged nothing."""

    ports = ()
    seconds = 60.0

    def budget(self) -> Budget:
        # Pooled clients on its side are held for as long as the pooler has patience.
        promised = self.arena.bound("host_lost_with_etcd_leader")
        return Budget(gap=gap(promised, RW, DIRECT), leadership="moves")


class LinkToStandbyCut(Blocked):
    """The leader and one standby do not hear each other, and all others hear both."""

    ports = ()
    seconds = 20.0

    def inject(self) -> None:
        self.arena.lab.block(self.leader, ports=self.ports, peers=self.standbys[:1])

    def budget(self) -> Budget:
        # Clients of that standby's proxy are held for as long as its pooler has patience.
        promised = self.arena.bound("host_lost")
        return Budget(gap=gap(promised, DIRECT), leadership="stays")


class LeaderWithoutEtcd(Blocked):
    """The leader reaches no majority of etcd. With failsafe mode it asks the members, and stays."""

    ports = (ETCD_CLIENTS, ETCD_PEERS)
    seconds = 60.0

    def budget(self) -> Budget:
        # For as long as its own requests to etcd time out it renews nothing, but takes writes.
        return Budget(gap=gap(self.arena.bound("postgresql_crash")), errors={POOLED: 0}, leadership="stays")


class LeaderWithoutStandbys(Blocked):
    """The leader reaches etcd, but no standby: it may acknowledge nothing, and nobody takes over."""

    ports = (POSTGRESQL, REST)
    seconds = 20.0

    def budget(self) -> Budget:
        promised = self.arena.bound("host_lost")
        return Budget(gap=gap(promised, POOLED, RW, besides=self.seconds), silent_after=0, leadership="stays")


class EtcdPeersParted(Blocked):
    """The etcd member of the leader's host reaches no other; Patroni asks those instead."""

    ports = (ETCD_PEERS,)
    seconds = 30.0

    def budget(self) -> Budget:
        promised = self.arena.bound("clean_stop")
        return Budget(gap=gap(promised), errors={POOLED: 0}, leadership="stays")


class RestBlocked(Blocked):
    """Nobody else hears the leader's Patroni: the other hosts' proxies close, and the leader stays."""

    ports = (REST,)
    seconds = 30.0

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("clean_stop"), DIRECT), leadership="stays")


class LossyNetwork(Blocked):
    """Of what the leader's host sends and gets a third is lost."""

    ports = ()
    seconds = 45.0

    def inject(self) -> None:
        self.arena.lab.block(self.leader, peers=self.standbys, percent=30)

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("host_lost"), besides=self.seconds))


class AnswersToAStandbyLost(Blocked):
    """A standby connects, the leader's answer is lost, and the leader's kernel gives the connection up.

    The standby has half a connection left and nothing to send: it waits until its own kernel asks after the other half.
    """

    ports = (POSTGRESQL,)
    seconds = 30.0  # the leader's kernel tries for half of that

    def inject(self) -> None:
        self.arena.lab.block(self.leader, ports=self.ports, peers=self.standbys[:1], answers=True)
        self.arena.shell(self.standbys[0], END_WALRECEIVER)

    def acts(self) -> bool:
        """What is dropped may have been for that host's proxy alone."""
        return super().acts() and self.arena.sql(self.standbys[0], CONNECTING) == "1"

    def budget(self) -> Budget:
        # Clients of that standby's proxy are held for as long as its pooler has patience.
        promised = self.arena.bound("host_lost")
        return Budget(gap=gap(promised, DIRECT), leadership="stays")
