# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's runtime interface over its admin socket: one method for each command.

As in "Unix Socket commands" of HAProxy's management guide, 2.6 to 3.2: one line is asked, one answer comes, and
HAProxy closes. An empty line means done; anything else is why not.
"""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass
from typing import Literal

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proxy import (
    HaproxyServer,
    parse_servers,
    parse_session_limits,
)

LARGEST_ANSWER = 16 * 1024 * 1024  # bytes; a line of statistics has less than 2 KiB
NAME = re.compile(r"[A-Za-z0-9_.:-]+")
"""The names that HAProxy takes for a proxy or server. In any other, `;`, a blank or a newline would be a command."""

State = Literal["ready", "drain", "maint"]


@dataclass(frozen=True)
class HaproxySocket:
    """The HAProxy of this host: *path* of its admin socket, *timeout* in seconds for one whole answer.

    Every method raises RemoteError, with HAProxy's words, where it refuses, answers nonsense or does not answer.
    """

    path: str
    timeout: float = 2.0

    def servers(self) -> tuple[HaproxyServer, ...]:
        """Every server of every backend, from `show stat`."""
        command = "show stat -1 4 -1"  # of all proxies, the servers alone
        try:
            return parse_servers(self._ask(command))
        except ValueError as error:
            raise self._failure(command, str(error)) from error

    def set_health(self, backend: str, server: str, up: bool) -> None:
        """Let a server count as up or down at once; its checks go on and correct what is wrong with that.

        Raises Refused when a name is none that HAProxy has.
        """
        self._tell(f"set server {_name(backend)}/{_name(server)} health {'up' if up else 'down'}")

    def set_state(self, backend: str, server: str, state: State) -> None:
        """`ready` ends what the others begin: `drain` gives a server no new connections, `maint` cuts it off.

        Raises Refused when a name is none that HAProxy has. It lasts until HAProxy is started anew.
        """
        self._tell(f"set server {_name(backend)}/{_name(server)} state {state}")

    def session_limit(self, frontend: str) -> int:
        """How many sessions a frontend takes at a time, from `show stat`. Raises Refused when there is no such one."""
        command = "show stat -1 1 -1"  # of all proxies, the frontends alone
        try:
            limits = parse_session_limits(self._ask(command))
        except ValueError as error:
            raise self._failure(command, str(error)) from error
        if frontend not in limits:
            raise Refused(f"HAProxy has no frontend {frontend!r}; it has: {', '.join(limits) or 'none'}")
        return limits[frontend]

    def set_session_limit(self, frontend: str, limit: int) -> None:
        """Let a frontend take so many sessions; beyond that they wait, unaccepted, until others end or more may come.

        Those that there are stay. It lasts until HAProxy reads its configuration again.
        """
        self._tell(f"set maxconn frontend {_name(frontend)} {limit:d}")

    def _tell(self, command: str) -> None:
        answer = self._ask(command).strip()
        if answer:
            raise self._failure(command, answer)

    def _ask(self, command: str) -> str:
        try:
            return self._exchange(command).decode(errors="replace")
        except TimeoutError as error:
            raise self._failure(command, f"no answer within {self.timeout:g} s") from error
        except (OSError, ValueError) as error:
            raise self._failure(command, str(error)) from error

    def _exchange(self, command: str) -> bytes:
        deadline = time.monotonic() + self.timeout
        answer = bytearray()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self.timeout)
            connection.connect(self.path)
            connection.sendall(f"{command}\n".encode())
            while part := connection.recv(65536):
                answer += part
                if len(answer) > LARGEST_ANSWER:
                    raise ValueError(f"the answer is larger than {LARGEST_ANSWER} bytes")
                connection.settimeout(_left(deadline))
        if not answer:
            # Also how HAProxy meets a client beyond the socket's maxconn, or its own end.
            raise ValueError("the connection was closed without an answer")
        return bytes(answer)

    def _failure(self, command: str, reason: str) -> RemoteError:
        message = f"{command!r} on HAProxy's socket {self.path}: {reason}"
        return RemoteError(message, command=command, socket=self.path, reason=reason)


def _left(deadline: float) -> float:
    """Seconds until the deadline; raises TimeoutError when it has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise Refused(f"{name!r} is no name of a proxy or server: HAProxy allows letters, digits and . : _ - in them")
    return name
