# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQL through an endpoint, as an application would send it: TLS with the server's name verified, and a password."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, RemoteError

try:
    import psycopg
except ImportError:  # told when it is needed, so that documentation tools can load this file without it
    psycopg = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Login:
    """Who connects, and whom the server's certificate must come from. *timeout* is in seconds."""

    user: str
    password: str
    database: str
    ca_file: str
    timeout: float = 3.0


class SqlClient(AbstractContextManager["SqlClient"]):
    """One connection; every method is one statement. Raises RemoteError with PostgreSQL's own words."""

    def __init__(self, hosts: Sequence[str], port: int, login: Login) -> None:
        if psycopg is None:
            raise MatriarchError("the Python library psycopg (3.1 or newer) is missing; install python3-psycopg")
        self._where = f"{','.join(hosts)}:{port} as {login.user}"
        try:
            self._connection = psycopg.connect(
                host=",".join(hosts),
                port=port,
                user=login.user,
                password=login.password,
                dbname=login.database,
                sslmode="verify-full",
                sslrootcert=login.ca_file,
                connect_timeout=max(2, int(login.timeout)),
                autocommit=True,
                prepare_threshold=None,
            )
        except psycopg.Error as error:
            raise RemoteError(f"connecting to {self._where}: {error}", reason=str(error).strip()) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def server(self) -> tuple[str, bool]:
        """Address of the server that answers, and whether it is in recovery, that is, a replica."""
        address, in_recovery = self._one("SELECT host(inet_server_addr()), pg_is_in_recovery()")
        return address, in_recovery

    def write_token(self, host: str, token: str) -> None:
        """Keep *token* as *host*'s; returns when it is committed as durably as the cluster promises."""
        self._one(
            "INSERT INTO matriarch.probe (host, token) VALUES (%s, %s) ON CONFLICT (host) "
            "DO UPDATE SET token = excluded.token, written_at = clock_timestamp() RETURNING host",
            (host, token),
        )

    def read_token(self, host: str) -> str | None:
        """The token that was written last as *host*'s and is visible here; None where there is none."""
        (token,) = self._one("SELECT max(token::text) FROM matriarch.probe WHERE host = %s", (host,))
        return None if token is None else str(token)

    def _one(self, statement: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
        try:
            row = self._connection.execute(statement, values).fetchone()
        except psycopg.Error as error:
            raise RemoteError(f"asking {self._where}: {error}", reason=str(error).strip()) from error
        if row is None:
            raise RemoteError(f"asking {self._where}: no row came back", reason="no row came back")
        return row
