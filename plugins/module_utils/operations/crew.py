# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agents of an operation, asked together: what one of them waits for does not hold up the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.channel import ANSWER, Channel
from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.wire import Identity
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, RemoteError


class Crew:
    """A channel to the agent of each host; *silent* are those that could not be reached, with the reason.

    The connections are opened together. An agent is asked one thing at a time.
    """

    def __init__(self, addresses: Mapping[str, str], port: int, identity: Identity) -> None:
        self.silent: dict[str, str] = {}
        self._channels: dict[str, Channel] = {}
        with ExitStack() as stack:
            self._workers = stack.enter_context(ThreadPoolExecutor(2 * max(1, len(addresses))))
            opening = {n: self._workers.submit(Channel, n, address, port, identity) for n, address in addresses.items()}
            for name, opened in opening.items():
                try:
                    self._channels[name] = stack.enter_context(opened.result())
                except RemoteError as error:
                    self.silent[name] = error.reason
            self._stack = stack.pop_all()

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def of(self, names: Iterable[str]) -> list[str]:
        """Those of the hosts whose agent was reached."""
        return [name for name in names if name in self._channels]

    def ask(self, name: str, duty: str, *, seconds: float = ANSWER, **arguments: Any) -> Any:
        """Have the agent of one host do its duty."""
        return self._channels[name].ask(duty, seconds=seconds, **arguments)

    def begin(self, name: str, duty: str, *, seconds: float = ANSWER, **arguments: Any) -> Future[Any]:
        """The same, without waiting for the answer."""
        return self._workers.submit(self.ask, name, duty, seconds=seconds, **arguments)

    def ask_all(self, names: Iterable[str], duty: str, *, seconds: float = ANSWER, **arguments: Any) -> dict[str, Any]:
        """Have all of them do it at the same time, and wait for all; raises the first error then."""
        begun = {name: self.begin(name, duty, seconds=seconds, **arguments) for name in names}
        for future in begun.values():
            future.exception()
        return {name: future.result() for name, future in begun.items()}

    def ask_all_kindly(self, names: Iterable[str], duty: str, **arguments: Any) -> None:
        """The same where an agent that is gone has put things back itself; none waits for another that hangs."""
        for future in [self.begin(name, duty, **arguments) for name in self.of(names)]:
            with suppress(MatriarchError):
                future.result()
