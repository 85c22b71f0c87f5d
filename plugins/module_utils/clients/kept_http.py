# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON over HTTPS on a connection that is kept, with nothing but the standard library: for who asks twice a second."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from http.client import HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError


class KeptHttp:
    """One server. The connection is opened when it is needed, and again after any failure; nothing is sent twice.

    `context` is asked for each connection: certificates are renewed while a host runs.
    """

    def __init__(self, url: str, context: Callable[[], ssl.SSLContext], seconds: float) -> None:
        self.url, self._context, self._seconds = url, context, seconds
        self._connection: HTTPSConnection | None = None

    def request(self, method: str, path: str, body: object = None) -> Any:
        """Send one request and return the parsed answer. Raises RemoteError."""
        try:
            return self._exchange(method, path, body)
        except (OSError, HTTPException, ValueError) as error:
            self._close()
            reason = str(error) or type(error).__name__
            raise RemoteError(f"{method} {path} on {self.url}: {reason}", url=self.url, reason=reason) from error

    def _exchange(self, method: str, path: str, body: object) -> Any:
        if self._connection is None:
            place = urlsplit(self.url)
            self._connection = HTTPSConnection(
                place.hostname or "", place.port, context=self._context(), timeout=self._seconds
            )
        headers = {} if body is None else {"Content-Type": "application/json"}
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise ValueError(f"HTTP {answer.status}: {said[:500].decode(errors='replace').strip()}")
        return json.loads(said)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
