# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fault is made of on its host: what puts it in, by what it is seen to act, and what undoes it. Pure.

Every part is one command without a shell: systemd runs the undoing by itself when nobody else does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

KILLED, STOPPED, INACTIVE, DROPPED, BOOTED = "killed", "stopped", "inactive", "dropped", "booted"

TABLE = "matriarch_fault"
PATRONI = "patroni.service"
ETCD = "etcd.service"
PROXY = ("haproxy.service", "pgbouncer@rw.service", "pgbouncer@ro.service")

# The host's own programs get a second to answer that they will do it. Nothing is written to disks before.
POWER_CUT = (
    *("systemd-run", "--quiet", "--collect", "--unit=matriarch-power-cut", "--on-active=1s"),
    *("--timer-property=AccuracySec=100ms", "--", "reboot", "--force", "--force", "--no-sync"),
)
# "add" does nothing where the table is there, so that the whole does nothing where it is not.
WHOLE_NETWORK = ("nft", f"add table inet {TABLE}; delete table inet {TABLE}")


@dataclass(frozen=True)
class Means:
    """Commands, and the sign with what it is looked for at: units, or the number of a process.

    `heal` is empty where the host mends itself; `healed` are the exit codes that say that nothing is left to do.
    """

    inject: tuple[str, ...]
    sign: str
    subjects: tuple[str, ...] = ()
    heal: tuple[str, ...] = ()
    healed: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Place:
    """What is there to be broken. `peers`: addresses whose packets are dropped; no ports: all but `ssh_port`."""

    postmaster: int = 0
    patroni: int = 0
    peers: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    ssh_port: int = 22


def means(fault: str, place: Place) -> Means:
    """Raises KeyError for a fault that is none."""
    return {
        "kill_postgres": Means(("kill", "-KILL", str(place.postmaster)), KILLED, (str(place.postmaster),)),
        "kill_patroni": Means(_signal("KILL"), KILLED, (str(place.patroni),)),
        # The guard kills it, and systemd starts another one: there may be nobody who could be told to go on.
        "freeze_patroni": Means(_signal("STOP"), STOPPED, (str(place.patroni),), _signal("CONT"), (0, 1)),
        "stop_patroni": _stopped(PATRONI),
        "stop_etcd": _stopped(ETCD),
        "stop_proxy": _stopped(*PROXY),
        "cut_etcd": Means(("nft", ruleset(place)), DROPPED, heal=WHOLE_NETWORK),
        "partition": Means(("nft", ruleset(place)), DROPPED, heal=WHOLE_NETWORK),
        "power_cut": Means(POWER_CUT, BOOTED),
    }[fault]


def _signal(name: str) -> tuple[str, ...]:
    return ("systemctl", "kill", "--kill-whom=main", f"--signal={name}", PATRONI)


def _stopped(*units: str) -> Means:
    return Means(("systemctl", "stop", "--no-block", *units), INACTIVE, units, ("systemctl", "start", *units))


def ruleset(place: Place) -> str:
    """As nft reads it. Dropping, not rejecting, is what a broken network does."""
    incoming, outgoing = _chain("input", "saddr", place), _chain("output", "daddr", place)
    return f"add table inet {TABLE}; delete table inet {TABLE}; table inet {TABLE} {{ {incoming}; {outgoing}; }}"


def _chain(hook: str, peer: str, place: Place) -> str:
    first = f"type filter hook {hook} priority -300;"
    rules = [f"{packets} counter drop;" for packets in _packets(peer, place)]
    return f"chain {hook} {{ {' '.join([first, *_spared(place), *rules])} }}"


def _spared(place: Place) -> Iterable[str]:
    """Whoever drills has to get in, from another host of the cluster as well."""
    if not place.ports:
        yield f"tcp dport {place.ssh_port} accept;"
        yield f"tcp sport {place.ssh_port} accept;"


def _packets(peer: str, place: Place) -> Iterable[str]:
    for family, version in (("ip", 4), ("ip6", 6)):
        addresses = [address for address in place.peers if ip_address(address).version == version]
        for port in ("dport", "sport") if place.ports else ("",):
            ports = f" tcp {port} {{ {', '.join(map(str, place.ports))} }}" if port else ""
            if addresses:
                yield f"{family} {peer} {{ {', '.join(addresses)} }}{ports}"
