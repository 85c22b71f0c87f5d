# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One statement over an open connection, with a deadline that also holds when the server is frozen.

psycopg waits for an answer without end, so libpq is asked directly. The simple query protocol, text in and out.
"""

from __future__ import annotations

import select
import time
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError

try:
    import psycopg
    from psycopg.pq import DiagnosticField, ExecStatus
except ImportError:  # told when it is needed, so that documentation tools can load this file without it
    psycopg = None  # type: ignore[assignment]

Row = dict[str, str]


class Unanswered(Exception):
    """The connection could not be made, or broke."""


class Said(Exception):
    """The server answered, with an error; the connection is good. The message is the server's own."""


def require() -> None:
    """Raises MatriarchError where psycopg is missing, for those who connect only later."""
    if psycopg is None:
        raise MatriarchError("the Python library psycopg (3.1 or newer) is missing; install python3-psycopg")


def connect(**parameters: Any) -> Any:
    """A connection without TLS of its own, over a unix socket. Raises Unanswered."""
    require()
    try:
        return psycopg.connect(**parameters, autocommit=True, prepare_threshold=None)
    except (psycopg.Error, ValueError) as error:
        raise Unanswered(str(error).strip()) from error


def ask(connection: Any, statement: str, seconds: float | None) -> list[Row]:
    """The rows of the answer, each by column; NULL is an empty text.

    Raises Said, Unanswered, and TimeoutError after *seconds* (None: never); then the connection is of no more use.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    rows: list[Row] = []
    refusal = ""
    try:
        connection.pgconn.send_query(statement.encode())
        while result := _next_result(connection.pgconn, deadline):  # to the last, or libpq is busy when asked again
            rows, refusal = _rows(result), refusal or _refusal(result)
    except psycopg.Error as error:
        raise Unanswered(refusal or str(error).strip()) from error
    if refusal:
        raise Said(refusal)
    return rows


def _next_result(pg: Any, deadline: float | None) -> Any:
    poll = select.poll()
    poll.register(pg.socket, select.POLLIN)
    while pg.is_busy():
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        poll.poll(None if left is None else left * 1000)
        pg.consume_input()
    return pg.get_result()


def _refusal(result: Any) -> str:
    if result.status != ExecStatus.FATAL_ERROR:
        return ""
    said: bytes = result.error_field(DiagnosticField.MESSAGE_PRIMARY) or result.error_message
    return said.decode(errors="replace").strip() or "it refused without a word"


def _rows(result: Any) -> list[Row]:
    """Clients choose some of the text, application_name for one, so it need not be valid UTF-8."""
    names = [(result.fname(column) or b"").decode(errors="replace") for column in range(result.nfields)]
    return [
        {name: (result.get_value(row, column) or b"").decode(errors="replace") for column, name in enumerate(names)}
        for row in range(result.ntuples)
    ]
