# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's side: one operation is served, over one connection, and then the agent is gone.

It lives only as long as an operation: it ends when the operation hangs up, dies, or is silent for too long, and puts
back before what the operation left behind on this host.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.wire import Identity, Line
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    RemoteError,
)

Duty = Callable[..., Any]

HANDSHAKE = 5.0  # seconds
LONGEST_SILENCE = 900.0  # seconds; another agent may have a long checkpoint to make between two questions


class AgentServer:
    """Listens on one address for the one operation that it was started for.

    *peers* are the names of whom it obeys: a certificate of the same authority is not enough, for the authority may
    serve several clusters. *patience* is how long, in seconds, it waits for the connection, *silence* for a question.
    """

    def __init__(
        self,
        address: tuple[str, int],
        identity: Identity,
        peers: Sequence[str],
        patience: float,
        silence: float = LONGEST_SILENCE,
    ) -> None:
        self._context = identity.server_context()
        self._listener = socket.create_server(address)
        self._peers = frozenset(peers)
        self._patience = patience
        self._silence = silence

    def serve(self, duties: Mapping[str, Duty], put_back: Callable[[], None]) -> None:
        """Do what is asked until the operation has ended."""
        try:
            line = self._accept()
            if line:
                with suppress(OSError, ValueError):
                    self._converse(line, duties)
                line.close()
        finally:
            self._listener.close()
            put_back()

    def _accept(self) -> Line | None:
        deadline = time.monotonic() + self._patience
        while (left := deadline - time.monotonic()) > 0:
            self._listener.settimeout(left)
            try:
                plain, _address = self._listener.accept()
                plain.settimeout(HANDSHAKE)
                connection = self._context.wrap_socket(plain, server_side=True)
            except OSError:
                continue
            if self._peers & common_names(connection):
                return Line(connection)
            connection.close()
        return None

    def _converse(self, line: Line, duties: Mapping[str, Duty]) -> None:
        while question := line.receive(self._silence):
            line.send({"number": question.get("number"), **answer(question, duties)})


def dismiss(address: tuple[str, int], identity: Identity) -> None:
    """Send an agent away that still waits for an operation which never came: it ends when whoever came hangs up."""
    context = identity.client_context()
    context.check_hostname = False
    with suppress(OSError), socket.create_connection(address, timeout=HANDSHAKE) as plain:
        context.wrap_socket(plain).close()


def common_names(connection: ssl.SSLSocket) -> set[str]:
    """The names in the certificate that the other side has proved to hold."""
    certificate: Any = connection.getpeercert() or {}
    return {value for parts in certificate.get("subject", ()) for key, value in parts if key == "commonName"}


def answer(question: Mapping[str, Any], duties: Mapping[str, Duty]) -> dict[str, Any]:
    """Do one duty; whatever goes wrong is told to the operation."""
    duty = duties.get(str(question.get("duty")))
    if duty is None:
        return {"error": {"msg": f"this agent has no duty {question.get('duty')!r}", "reason": "no such duty"}}
    try:
        return {"result": duty(**question.get("with", {}))}
    except RemoteError as error:
        return {"error": {"msg": str(error), "reason": error.reason}}
    except MatriarchError as error:
        return {"error": {"msg": str(error), "reason": str(error), "late": isinstance(error, DeadlineExceeded)}}
    except Exception as error:  # the agent outlives every fault of one duty, or nobody would resume what it has paused
        return {"error": {"msg": f"{type(error).__name__}: {error}", "reason": str(error)}}
