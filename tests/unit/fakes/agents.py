# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Agents that do their duties on a cluster which is nothing but a few words, and put back when they are hung up on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import Accepted
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    RemoteError,
)

FLUSHED = 83_886_176

QUIET: dict[str, Any] = {
    "in_recovery": False,
    "flushed": FLUSHED,
    "transactions": [],
    "prepared_transactions": [],
    "base_backups": 0,
    "logical_walsenders": [],
    "unarchived_segments": 0,
}
"""What a member answers to `look` when nothing hinders."""

How = Literal["refuses", "answer is lost", "dies"]


@dataclass
class FakeHost:
    """What an operation may leave behind on one host."""

    paused: set[str] = field(default_factory=set)
    armed: set[str] = field(default_factory=set)
    drained: set[str] = field(default_factory=set)
    marked: bool = False
    follows: str = ""
    routed: str = ""
    dead: bool = False

    def put_back(self) -> None:
        """As a real agent does in the end; the timers stay, and find nothing to do."""
        self.paused, self.drained, self.marked = set(), set(), False


class FakeAgents:
    """One on every host of `hosts`; `channel` stands in for Channel, `connect` and `send` for a HeldRequest's.

    `asked` are (host, duty), and ("patroni", "connect") and ("patroni", `request`) for the request. `faults` are for a
    (host, duty): a value to answer, or an error to raise instead of doing it. `fails` is one at which the agent fails
    in the given way.
    """

    def __init__(self, *names: str) -> None:
        self.hosts = {name: FakeHost() for name in names}
        self.asked: list[tuple[str, str]] = []
        self.told: dict[tuple[str, str], dict[str, Any]] = {}
        self.silent: set[str] = set()
        self.faults: dict[tuple[str, str], Any] = {}
        self.fails: tuple[tuple[str, str], How] | None = None
        self.writable = False
        self.restarted = False
        self.request = "switchover"
        self.held_without_a_timer: list[str] = []
        self.outcome: Callable[[], Accepted] = self.hand_over
        self._lock = threading.Lock()

    def channel(self, name: str, address: str, port: int, _identity: object) -> FakeChannel:
        """Connect to the agent of a host."""
        if name in self.silent:
            raise RemoteError(f"connecting at the agent of {name} ({address}:{port}): refused", reason="refused")
        return FakeChannel(self, name)

    def connect(self) -> None:
        """Connect to Patroni."""
        self.asked.append(("patroni", "connect"))

    def send(self) -> Accepted:
        """Ask Patroni."""
        self.asked.append(("patroni", self.request))
        return self.outcome()

    def hand_over(self) -> Accepted:
        """Patroni, when all goes well."""
        self.writable = True
        return Accepted(200, 'Successfully switched over to "pg2"')

    def restart(self) -> Accepted:
        """The same for a restart."""
        self.restarted = True
        return Accepted(200, "restarted successfully")

    def times(self, duty: str) -> list[int]:
        """When a duty was asked for, counted in questions."""
        return [moment for moment, (_host, asked) in enumerate(self.asked) if asked == duty]

    def left_behind(self) -> dict[str, FakeHost]:
        """The hosts that are not as they were; the timers do not count."""
        return {name: host for name, host in self.hosts.items() if host.paused or host.drained or host.marked}

    def do(self, name: str, duty: str, arguments: dict[str, Any]) -> Any:
        """Have one duty done."""
        with self._lock:
            self.asked.append((name, duty))
            self.told[name, duty] = arguments
            how = self.fails[1] if self.fails and self.fails[0] == (name, duty) else None
            host = self.hosts[name]
            if how == "dies":
                host.dead = True
                host.put_back()
            if host.dead or how == "refuses":
                raise RemoteError(f"{duty} at the agent of {name}: it will not", host=name, reason="it will not")
            done = self._do(name, host, duty, arguments)
            if how:
                raise RemoteError(f"{duty} at the agent of {name}: no answer in time", host=name, reason="no answer")
            return done

    def _do(self, name: str, host: FakeHost, duty: str, arguments: dict[str, Any]) -> Any:
        fault = self.faults.get((name, duty))
        if isinstance(fault, MatriarchError):
            raise fault
        if fault is not None:
            return fault
        pools = set(arguments.get("pools", ()))
        if duty == "hold" and not pools <= host.armed:
            self.held_without_a_timer.append(name)
        is_early = {"await_cut_off": not self.writable, "await_writable": not self.writable}
        if {**is_early, "await_restarted": not self.restarted}.get(duty):
            time.sleep(0.001)
            raise DeadlineExceeded(f"{name}: waited in vain")
        changes: dict[str, Callable[[], Any]] = {
            "arm": lambda: host.armed.update(pools),
            "hold": lambda: host.paused.update(pools),
            "release": lambda: host.paused.difference_update(pools),
            "disarm": lambda: host.armed.difference_update(pools - host.paused),
            "drain": lambda: host.drained.add(arguments["member"]),
            "undrain": lambda: host.drained.discard(arguments["member"]),
            "mark": lambda: setattr(host, "marked", True),
            "unmark": lambda: setattr(host, "marked", False),
            "route": lambda: setattr(host, "routed", arguments["new"]),
            "reopen": lambda: setattr(host, "routed", arguments["member"]),
            "follow": lambda: setattr(host, "follows", arguments["host"]),
        }
        if duty in changes:
            changes[duty]()
        answers = {
            "drain": True,
            "follow": True,
            "flushed": FLUSHED,
            "await_flushed": FLUSHED,
            "started": "2026-01-02 03:04:05+00",
            "look": QUIET,
            "pools": {pool: {"paused": False, "waiting": 0} for pool in ("rw", "ro")},
        }
        return answers.get(duty)


class FakeChannel(AbstractContextManager["FakeChannel"]):
    """A connection to one of them."""

    def __init__(self, agents: FakeAgents, name: str) -> None:
        self.name = name
        self._agents = agents

    def __exit__(self, *_error: object) -> None:
        self._agents.hosts[self.name].put_back()

    def ask(self, duty: str, *, seconds: float = 5.0, **arguments: Any) -> Any:
        """As Channel does."""
        assert seconds > arguments.get("patience", 0), "nobody would be there for the answer"
        return self._agents.do(self.name, duty, arguments)
