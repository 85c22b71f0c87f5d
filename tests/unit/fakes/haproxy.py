# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A unix socket that answers one line and closes, and one behind which an HAProxy seems to live."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

# The columns that HAProxy 2.6 and 3.2 both have, in their order, as far as anybody here reads them.
HEADER = "# pxname,svname,scur,slim,status,lastchg,type,check_status,last_chk,addr,"


class UnixServer:
    """Answers each connection's first line with `answer` of it; None closes without a word."""

    def __init__(self, path: Path | str, answer: Callable[[str], bytes | None]) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                told = answer(self.rfile.readline().decode().rstrip("\n"))
                if told is not None:
                    with suppress(ConnectionError):  # a client may leave before it is answered
                        self.wfile.write(told)

        self.path = str(path)
        self._server = socketserver.ThreadingUnixStreamServer(self.path, Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """From now on connections are refused."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass
class FakeServer:
    """One server: its state as an administrator set it, and its health."""

    up: bool = True
    state: str = "ready"
    sessions: int = 0
    last_check: str = "(tcp-check)"

    @property
    def status(self) -> str:
        """In the order in which HAProxy lets one hide the other."""
        if self.state == "maint":
            return "MAINT"
        if not self.up:
            return "DOWN"
        return "DRAIN" if self.state == "drain" else "UP"


@dataclass
class FakeHaproxy:
    """Two backends with three servers each; words as HAProxy 2.6 to 3.2 say them. `asked` are the lines so far."""

    servers: dict[tuple[str, str], FakeServer] = field(
        default_factory=lambda: {
            (backend, name): FakeServer() for backend in ("leader", "replicas") for name in ("pg1", "pg2", "pg3")
        }
    )
    session_limits: dict[str, int] = field(default_factory=lambda: {"rw": 2000, "ro": 2000})
    refuses_limits: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, line: str) -> bytes:
        """Serve one line."""
        self.asked.append(line)
        words = line.split()
        if words in (["show", "stat", "-1", "4", "-1"], ["show", "stat", "-1", "1", "-1"]):
            return self._statistics().encode()
        if words[:3] == ["set", "maxconn", "frontend"]:
            return self._limit(words[3], words[4]).encode() + b"\n"
        if words[:2] == ["set", "server"]:
            return self._set(words[2], words[3], words[4]).encode() + b"\n"
        return b"Unknown command\n"

    def _statistics(self) -> str:
        lines = [
            f'{backend},{name},{server.sessions},,{server.status},12,2,L7OK,"{server.last_check}",10.0.0.1:5432,'
            for (backend, name), server in self.servers.items()
        ]
        # HAProxy leaves out what was not asked for; a client that is given it passes it over.
        frontends = [f"{name},FRONTEND,5,{limit},OPEN,,0,,,," for name, limit in self.session_limits.items()]
        return "\n".join([HEADER, *frontends, *lines, "leader,BACKEND,5,200,UP,12,1,,,,"]) + "\n\n"

    def _limit(self, frontend: str, value: str) -> str:
        if frontend not in self.session_limits:
            return "No such frontend.\n"
        if self.refuses_limits:
            return "Frontend was previously shut down, cannot change.\n"
        self.session_limits[frontend] = int(value)
        return ""

    def _set(self, name: str, what: str, value: str) -> str:
        backend, _slash, server_name = name.partition("/")
        server = self.servers.get((backend, server_name))
        if backend not in {each for each, _name in self.servers}:
            return "No such backend.\n"
        if server is None:
            return "No such server.\n"
        if what == "health":
            server.up = value == "up"
        elif value in ("ready", "drain", "maint"):
            server.state = value
        else:
            return "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n"
        return ""
