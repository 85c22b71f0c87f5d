# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes between an operation and its agents: one JSON object a line, over mutual TLS.

A question is {"number": n, "duty": name, "with": {...}}, its answer {"number": n, "result": ...}, or in place of the
result {"error": {"msg", "reason"}}, in which "late" marks a state that was not reached in time.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError

LONGEST_LINE = 1 << 20  # bytes

# A host that has lost its power does not hang up: TCP itself asks after 5 s, and gives it up 15 s later.
KEEPALIVE = {socket.TCP_KEEPIDLE: 5, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}


@dataclass(frozen=True)
class Identity:
    """Paths of the PEM files by which a host proves itself, and of the authority that it believes.

    Raises MatriarchError where they cannot be used.
    """

    ca_file: str
    certificate: str
    key: str

    def server_context(self) -> ssl.SSLContext:
        """For the side that listens: nobody gets in without a certificate of the authority."""
        context = self._context(ssl.Purpose.CLIENT_AUTH)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client_context(self) -> ssl.SSLContext:
        """For the side that connects: the server's name is verified as well."""
        return self._context(ssl.Purpose.SERVER_AUTH)

    def _context(self, purpose: ssl.Purpose) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(purpose, cafile=self.ca_file)
            context.load_cert_chain(self.certificate, self.key)
        except OSError as error:
            paths = f"{self.ca_file}, {self.certificate}, {self.key}"
            raise MatriarchError(
                f"reading the certificates {paths}: {error}. Next: ansible-playbook site.yml"
            ) from error
        return context


class Line:
    """A connection that sends and receives objects. Raises OSError when it breaks, ValueError on nonsense."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in {socket.TCP_NODELAY: 1, **KEEPALIVE}.items():
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
        self._connection = connection
        self._rest = b""

    def send(self, message: dict[str, Any]) -> None:
        """Send one object."""
        self._connection.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, seconds: float) -> dict[str, Any] | None:
        """The next object; None when the other side has hung up. Raises TimeoutError after so many seconds."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._rest:
            if len(self._rest) > LONGEST_LINE:
                raise ValueError(f"a line of more than {LONGEST_LINE} bytes")
            self._connection.settimeout(_left(deadline))
            chunk = self._connection.recv(65536)
            if not chunk:
                return None
            self._rest += chunk
        line, _newline, self._rest = self._rest.partition(b"\n")
        try:
            message = json.loads(line)
        except RecursionError as error:
            raise ValueError("an object that is nested too deeply") from error
        if not isinstance(message, dict):
            raise ValueError(f"expected an object, got {type(message).__name__}")
        return message

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left
