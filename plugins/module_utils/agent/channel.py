# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operation's side: a connection to the agent of one host, opened before the clock starts."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.wire import Identity, Line
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import DeadlineExceeded, RemoteError

ANSWER = 5.0
"""Seconds; how long a duty may take unless it is a wait of its own."""


class Channel(AbstractContextManager["Channel"]):
    """Asks the agent of host *name*, one thing at a time, whoever asks.

    Raises RemoteError when it is not there, refuses, or does not answer in time.
    """

    def __init__(self, name: str, address: str, port: int, identity: Identity, *, seconds: float = 3.0) -> None:
        self.name = name
        self._turn = threading.Lock()
        self._asked = 0
        self._where = f"the agent of {name} ({address}:{port})"
        try:
            plain = socket.create_connection((address, port), timeout=seconds)
            self._line = Line(identity.client_context().wrap_socket(plain, server_hostname=name))
        except OSError as error:
            raise self._failure("connecting", str(error) or type(error).__name__) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.close()

    def ask(self, duty: str, *, seconds: float = ANSWER, **arguments: Any) -> Any:
        """Have a duty done and return what came of it; DeadlineExceeded where the agent itself waited in vain."""
        try:
            with self._turn:
                answer = self._exchange(duty, arguments, seconds)
        except (OSError, ValueError) as error:
            raise self._failure(duty, str(error) or type(error).__name__) from error
        if answer is None:
            raise self._failure(duty, "it hung up")
        problem = answer.get("error")
        if problem and problem.get("late"):
            raise DeadlineExceeded(f"{self.name}: {problem['msg']}")
        if problem:
            raise self._failure(duty, str(problem["msg"]))
        return answer.get("result")

    def _exchange(self, duty: str, arguments: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """The answer to this question: answers that earlier ones did not wait for are passed over."""
        self._asked += 1
        self._line.send({"number": self._asked, "duty": duty, "with": arguments})
        deadline = time.monotonic() + seconds
        answer = self._line.receive(seconds)
        while answer is not None and answer.get("number") != self._asked:
            answer = self._line.receive(deadline - time.monotonic())
        return answer

    def _failure(self, asked: str, reason: str) -> RemoteError:
        return RemoteError(f"{asked} at {self._where}: {reason}", host=self.name, reason=reason)
