# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes between an operation and its agents: one JSON object a line, over mutual TLS.

A question is {"duty": name, "with": {...}}, its answer {"result": ...}, or {"error": {"msg", "reason"}}, in which
"late" marks a state that was not reached in time.
"""

from __future__ import annotations

import json
import socket
import ssl
from dataclasses import dataclass
from typing import Any

LONGEST_LINE = 1 << 20  # bytes


@dataclass(frozen=True)
class Identity:
    """Paths of the PEM files by which a host proves itself, and of the authority that it believes."""

    ca_file: str
    certificate: str
    key: str

    def server_context(self) -> ssl.SSLContext:
        """For the side that listens: nobody gets in without a certificate of the authority."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        """For the side that connects: the server's name is verified as well."""
        context = ssl.create_default_context(cafile=self.ca_file)
        context.load_cert_chain(self.certificate, self.key)
        return context


class Line:
    """A connection that sends and receives objects. Raises OSError when it breaks, ValueError on nonsense."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = connection
        self._rest = b""

    def send(self, message: dict[str, Any]) -> None:
        """Send one object."""
        self._connection.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, seconds: float) -> dict[str, Any] | None:
        """The next object; None when the other side has hung up. Raises TimeoutError after so many seconds."""
        self._connection.settimeout(seconds)
        while b"\n" not in self._rest:
            if len(self._rest) > LONGEST_LINE:
                raise ValueError(f"a line of more than {LONGEST_LINE} bytes")
            chunk = self._connection.recv(65536)
            if not chunk:
                return None
            self._rest += chunk
        line, _newline, self._rest = self._rest.partition(b"\n")
        message = json.loads(line)
        if not isinstance(message, dict):
            raise ValueError(f"expected an object, got {type(message).__name__}")
        return message

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
