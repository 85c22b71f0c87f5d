# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets that vanish: a firewall inside one host's network, by port and peer, and a count that proves it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from .host import Host
from .inside import netns_command
from .shell import attempt, run

TABLE = "lab_drops"


@dataclass(frozen=True)
class Drops:
    """What to drop, both ways. No ports: all of them, and not TCP alone; no peers: everybody else.

    `answers`: only what this host answers from those ports. Connections to them are made, and nothing comes.
    """

    ports: Sequence[int] = ()
    peers: Sequence[str] = ()
    percent: int = 100
    answers: bool = False

    def ruleset(self) -> str:
        """As nft reads it; dropping, not rejecting, is what a broken network does."""
        ways = [("input", "saddr", "iifname"), ("output", "daddr", "oifname")]
        chains = "\n".join(self._chain(*way) for way in (ways[1:] if self.answers else ways))
        return f"table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n{chains}\n}}\n"

    def _chain(self, hook: str, peer: str, interface: str) -> str:
        first = f"type filter hook {hook} priority -300"
        rules = [self._rule(f'{interface} != "lo"', peer, port) for port in self._ends()]
        body = "".join(f"    {line}\n" for line in [first, *rules])
        return f"  chain {hook} {{\n{body}  }}"

    def _ends(self) -> tuple[str, ...]:
        """Which of a packet's two ports may be one of ours."""
        if not self.ports:
            return ("",)
        return ("sport",) if self.answers else ("dport", "sport")

    def _rule(self, start: str, peer: str, port: str) -> str:
        words = [start]
        if self.peers:
            words.append(f"ip {peer} {{ {', '.join(self.peers)} }}")
        if port:
            words.append(f"tcp {port} {{ {', '.join(map(str, self.ports))} }}")
        if self.answers:
            words.append("tcp flags & psh == psh")
        if self.percent < 100:
            words.append(f"numgen random mod 100 < {self.percent}")
        return " ".join([*words, "counter drop"])


def start(host: Host, drops: Drops) -> None:
    """Replaces what the host dropped before."""
    run(*netns_command(host), "nft", "-f", "-", stdin=drops.ruleset())


def stop(host: Host) -> int:
    """Let everything pass again; return the number of packets dropped since `start`."""
    dropped = so_far(host)
    if dropped is None:
        return 0
    run(*netns_command(host), "nft", "delete", "table", "inet", TABLE)
    return dropped


def so_far(host: Host) -> int | None:
    """The number of packets dropped since `start`; None where nothing is blocked."""
    listing = attempt(*netns_command(host), "nft", "--json", "list", "table", "inet", TABLE)
    return None if listing.returncode else count(listing.stdout)


def count(listing: str) -> int:
    rules = [item["rule"] for item in json.loads(listing)["nftables"] if "rule" in item]
    return sum(part["counter"]["packets"] for rule in rules for part in rule["expr"] if "counter" in part)
