# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's wire protocol on a unix socket, as far as simple queries need it."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


class ServerSays(Exception):
    """The answer is an error with these words."""


class Hangup(Exception):
    """The answer is the end of the connection."""


@dataclass(frozen=True)
class Table:
    """An answer; text, or bytes that are no text."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | bytes | None]]


Answer = Callable[[str, dict[str, str]], Table | None]
"""What to say to a statement of somebody who logged in with such parameters; None: that it was done."""


def table(rows: Sequence[Mapping[str, str]]) -> Table:
    """The answer that is made of such rows, with the columns of the first."""
    return Table(tuple(rows[0]) if rows else (), [tuple(row.values()) for row in rows])


class WireServer:
    """Listens where libpq looks for `host=directory port=port`; `asked` are the statements so far."""

    def __init__(self, directory: Path, port: int, answer: Answer) -> None:
        self.directory, self.port = str(directory), port
        self.asked: list[str] = []
        asked = self.asked

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                parameters = self._log_in()
                with suppress(Hangup, ConnectionError):  # a client may leave while its answer is made
                    while (message := self._next()) and message[0] == b"Q":
                        statement = message[1].rstrip(b"\0").decode()
                        asked.append(statement)
                        self._tell(statement, parameters)

            def _log_in(self) -> dict[str, str]:
                (length,) = struct.unpack("!I", self.rfile.read(4))
                words = self.rfile.read(length - 4)[4:].decode().split("\0")
                greeting = _message(b"R", struct.pack("!I", 0))
                for name, value in {"client_encoding": "UTF8", "server_version": "17.0"}.items():
                    greeting += _message(b"S", _text(name) + _text(value))
                self.wfile.write(greeting + READY)
                return dict(zip(words[::2], words[1::2], strict=False))

            def _next(self) -> tuple[bytes, bytes] | None:
                kind = self.rfile.read(1)
                if not kind:
                    return None
                (length,) = struct.unpack("!I", self.rfile.read(4))
                return kind, self.rfile.read(length - 4)

            def _tell(self, statement: str, parameters: dict[str, str]) -> None:
                try:
                    found = answer(statement, parameters)
                except ServerSays as error:
                    fields = b"SERROR\0C08P01\0M" + _text(str(error)) + b"\0"
                    self.wfile.write(_message(b"E", fields) + READY)
                    return
                told = _table(found) if found else b""
                self.wfile.write(told + _message(b"C", _text(statement.split()[0])) + READY)

        self._server = socketserver.ThreadingUnixStreamServer(str(directory / f".s.PGSQL.{port}"), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """From now on connections are refused."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _text(text: str) -> bytes:
    return text.encode() + b"\0"


def _table(found: Table) -> bytes:
    columns = b"".join(_text(name) + struct.pack("!IHIhiH", 0, 0, 25, -1, -1, 0) for name in found.columns)
    told = _message(b"T", struct.pack("!H", len(found.columns)) + columns)
    for row in found.rows:
        told += _message(b"D", struct.pack("!H", len(row)) + b"".join(_value(value) for value in row))
    return told


def _value(value: str | bytes | None) -> bytes:
    if value is None:
        return struct.pack("!i", -1)
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("!i", len(raw)) + raw


READY = _message(b"Z", b"I")
