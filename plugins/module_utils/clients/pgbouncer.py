# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PgBouncer's admin console over its unix socket: one method for each command.

As under "Admin console" in PgBouncer's documentation, 1.18 to 1.26. It answers while the pooler is paused as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TypeVar

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import libpq
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import DeadlineExceeded, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.pooler import (
    CONSOLE,
    Pool,
    ServerInUse,
    parse_pools,
    parse_servers_in_use,
)

Parsed = TypeVar("Parsed")


class PoolerConsole(AbstractContextManager["PoolerConsole"]):
    """One connection to the console of the PgBouncer whose socket lies in *socket_directory*.

    *timeout* is in seconds, for connecting (whole seconds, 2 at least) and for each answer but that of a PAUSE. Every
    method raises RemoteError, with PgBouncer's words, where it refuses or does not answer.
    """

    def __init__(self, socket_directory: str, port: int, user: str | None = None, timeout: float = 2.0) -> None:
        self.where = f"PgBouncer at {socket_directory}, port {port}"
        self._timeout = timeout
        try:
            self._connection = libpq.connect(
                host=socket_directory, port=port, user=user, dbname=CONSOLE, connect_timeout=max(2, int(timeout))
            )
        except libpq.Unanswered as error:
            raise RemoteError(f"connecting to {self.where}: {error}", reason=str(error)) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def is_paused(self) -> bool:
        """Whether PAUSE holds, or will hold as soon as the transactions have ended, for all databases.

        SHOW STATE tells it, but not in 1.18; and SHOW DATABASES knows only of databases that were paused one by one.
        """
        try:
            return any(row["key"] == "paused" and row["value"] == "yes" for row in self._ask("SHOW STATE"))
        except _Refusal:
            return self._is_already_paused()

    def _is_already_paused(self) -> bool:
        """The console's own database is never paused; but before it says so, PgBouncer looks whether all are."""
        try:
            self._ask(f"PAUSE {CONSOLE}")
        except _Refusal as error:
            return error.reason.startswith("already ")
        raise self._failure(f"PAUSE {CONSOLE}", "it was not refused, as it should be")

    def pools(self) -> tuple[Pool, ...]:
        """SHOW POOLS, without the console's own."""
        rows = self._ask("SHOW POOLS")
        return self._parsed("SHOW POOLS", lambda: parse_pools(rows))

    def servers_in_use(self) -> tuple[ServerInUse, ...]:
        """Which clients hold a server connection now, the longest held first: these are what a PAUSE waits for."""
        servers, clients = self._ask("SHOW SERVERS"), self._ask("SHOW CLIENTS")
        return self._parsed("SHOW SERVERS", lambda: parse_servers_in_use(servers, clients, time.time()))

    def version(self) -> str:
        """The version, like "1.24.1"."""
        rows = self._ask("SHOW VERSION")
        return self._parsed("SHOW VERSION", lambda: rows[0]["version"].removeprefix("PgBouncer "))

    def pause(self, seconds: float | None = None) -> None:
        """PAUSE all databases; returns when every transaction has ended and every server connection is closed.

        New transactions wait from the first moment on. Raises DeadlineExceeded after *seconds*: then they still wait,
        this connection is of no more use, and a RESUME on another one ends it. With None it waits for ever, even when
        somebody else resumes meanwhile, for PgBouncer then never answers.
        """
        try:
            self._exchange("PAUSE", seconds)
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"'PAUSE' to {self.where}: transactions still ran after {seconds:g} s", seconds=seconds
            ) from error

    def resume(self) -> None:
        """RESUME all databases."""
        self._ask("RESUME")

    def reconnect(self) -> None:
        """RECONNECT: every server connection is closed as soon as its transaction, or session, has ended."""
        self._ask("RECONNECT")

    def reload(self) -> None:
        """RELOAD the configuration files."""
        self._ask("RELOAD")

    def _ask(self, command: str) -> list[libpq.Row]:
        try:
            return self._exchange(command, self._timeout)
        except TimeoutError as error:
            raise self._failure(command, f"no answer within {self._timeout:g} s") from error

    def _exchange(self, command: str, seconds: float | None) -> list[libpq.Row]:
        try:
            return libpq.ask(self._connection, command, seconds)
        except libpq.Said as error:
            raise self._failure(command, str(error), kind=_Refusal) from error
        except libpq.Unanswered as error:
            raise self._failure(command, str(error)) from error

    def _parsed(self, command: str, parse: Callable[[], Parsed]) -> Parsed:
        try:
            return parse()
        except (KeyError, IndexError, ValueError) as error:
            raise self._failure(command, f"the answer makes no sense: {error!r}") from error

    def _failure(self, command: str, reason: str, kind: type[RemoteError] = RemoteError) -> RemoteError:
        return kind(f"{command!r} to {self.where}: {reason}", command=command, reason=reason)


class _Refusal(RemoteError):
    """PgBouncer said no; the connection is good."""
