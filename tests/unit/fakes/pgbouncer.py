# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PgBouncer console that keeps a pause like the real one. Its words were taken from 1.18.0, 1.24.1 and 1.26.1."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.matriarch.pgcluster.tests.unit.fakes.wire import ServerSays, Table, WireServer, table

POOL = {
    "database": "shop", "user": "web", "cl_active": "3", "cl_waiting": "2", "cl_active_cancel_req": "0",
    "cl_waiting_cancel_req": "0", "sv_active": "1", "sv_active_cancel": "0", "sv_being_canceled": "0", "sv_idle": "4",
    "sv_used": "0", "sv_tested": "0", "sv_login": "0", "maxwait": "1", "maxwait_us": "500000",
    "pool_mode": "transaction",
}  # fmt: skip


@dataclass(frozen=True)
class Words:
    """What differs between the versions."""

    version: str
    already: str = "already suspended/paused"
    not_paused: str = "pooler is not paused/suspended"
    shows_state: bool = True


OLDEST = Words("1.18.0", shows_state=False)
NEWER = Words("1.24.1")
NEWEST = Words("1.26.1", already="already paused", not_paused="pooler is not paused")
VERSIONS = (OLDEST, NEWER, NEWEST)


@dataclass
class FakePgBouncer:
    """Clients that hold a server connection are in `holding`: a PAUSE waits until the test calls `end_transactions`.

    `silent` answers nothing, `refused` are statements that fail, `at_pause` is called when PAUSE has begun.
    """

    directory: Path
    port: int
    words: Words = NEWER
    paused: bool = False
    holding: list[dict[str, str | bytes]] = field(default_factory=list)
    silent: bool = False
    refused: set[str] = field(default_factory=set)
    at_pause: Callable[[], object] = bool
    frozen: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    logins: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = WireServer(self.directory, self.port, self.answer)

    def stop(self) -> None:
        """Let whoever waits go, and refuse connections."""
        self.frozen.set()
        self.done.set()
        self.server.stop()

    @property
    def orders(self) -> list[str]:
        """The statements that ask for more than an answer."""
        return [each for each in self.server.asked if not each.startswith("SHOW") and each != "PAUSE pgbouncer"]

    def end_transactions(self) -> None:
        """Every client gives its server connection back."""
        self.holding.clear()
        self.done.set()

    def answer(self, statement: str, parameters: dict[str, str]) -> Table | None:
        """Serve one statement."""
        self.logins.append(parameters)
        if self.silent:
            self.frozen.wait()
        if statement in self.refused:
            raise ServerSays("no memory")
        show = {
            "SHOW STATE": self._state,
            "SHOW VERSION": lambda: table([{"version": f"PgBouncer {self.words.version}"}]),
            "SHOW POOLS": lambda: table([POOL, {**POOL, "database": "pgbouncer", "user": "pgbouncer"}]),
            "SHOW SERVERS": self._servers,
            "SHOW CLIENTS": self._clients,
        }
        if statement in show:
            return show[statement]()
        self._order(statement)
        return None

    def _order(self, statement: str) -> None:
        if statement.startswith("PAUSE") and self.paused:
            raise ServerSays(self.words.already)
        if statement == "PAUSE pgbouncer":
            raise ServerSays("cannot pause admin db: pgbouncer")
        if statement == "RESUME" and not self.paused:
            raise ServerSays(self.words.not_paused)
        if statement in ("PAUSE", "RESUME"):
            self.paused = statement == "PAUSE"
        elif statement not in ("RECONNECT", "RELOAD"):
            raise ServerSays(f"invalid command '{statement}', use SHOW HELP;")
        if statement == "PAUSE":
            self.at_pause()
            if self.holding:
                self.done.wait()

    def _state(self) -> Table:
        if not self.words.shows_state:
            raise ServerSays("invalid command 'SHOW STATE', use SHOW HELP;")
        paused = "yes" if self.paused else "no"
        return table([{"key": "active", "value": "yes"}, {"key": "paused", "value": paused}])

    def _servers(self) -> Table:
        columns = ("user", "database", "state", "request_time", "link")
        held = [("web", "shop", "active", each["request_time"], each["ptr"]) for each in self.holding]
        return Table(columns, [("web", "shop", "idle", "2026-01-01 00:00:00 UTC", ""), *held])

    def _clients(self) -> Table:
        columns = ("ptr", "addr", "port", "application_name", "request_time")
        return Table(columns, [tuple(each[column] for column in columns) for each in self.holding])


def client(
    name: str | bytes = "psql", request_time: str = "2026-01-01 00:00:00 UTC", ptr: str = "0x1"
) -> dict[str, str | bytes]:
    """Somebody who is in a transaction."""
    return {"ptr": ptr, "addr": "10.0.0.7", "port": "51002", "application_name": name, "request_time": request_time}
