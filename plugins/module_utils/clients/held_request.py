# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request whose connection is opened before its moment comes, so that no handshake is waited for then."""

from __future__ import annotations

import json
import select
from http.client import HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.wire import Identity
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import Accepted
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError


class Unsent(RemoteError):
    """The server was not asked, for it had hung up before."""


class HeldRequest:
    """One POST to `https://host:port` that waits to be sent. Raises RemoteError. *seconds* is for the answer."""

    def __init__(self, url: str, path: str, body: object, identity: Identity, seconds: float) -> None:
        self._url, self._path, self._body, self._seconds = url, path, json.dumps(body), seconds
        context = identity.client_context()
        try:
            place = urlsplit(url)
            self._connection = HTTPSConnection(place.hostname or "", place.port, context=context, timeout=5)
        except ValueError as error:
            raise self._failure(str(error)) from error
        self.connect()

    def connect(self) -> None:
        """Open the connection anew: a server that was restarted since has hung up."""
        try:
            self._connection.close()
            self._connection.connect()
        except OSError as error:
            raise self._failure(str(error) or type(error).__name__) from error

    def send(self) -> Accepted:
        """Send it over the open connection and wait for the answer. Raises Unsent where nothing was sent."""
        try:
            if self._has_been_closed():
                raise self._failure("it hung up before it was asked", kind=Unsent)
            self._connection.sock.settimeout(self._seconds)
            self._connection.request("POST", self._path, self._body, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            said = answer.read(2000).decode(errors="replace").strip()
        except (OSError, HTTPException) as error:
            raise self._failure(str(error) or type(error).__name__) from error
        finally:
            self._connection.close()
        if answer.status >= 300:
            raise self._failure(f"HTTP {answer.status}: {said}", status=answer.status, answer=said)
        return Accepted(answer.status, said)

    def _has_been_closed(self) -> bool:
        """Whether the server has ended the connection; asks nobody but this host's kernel."""
        poll = select.poll()
        poll.register(self._connection.sock, select.POLLRDHUP)
        return bool(poll.poll(0))

    def _failure(self, reason: str, kind: type[RemoteError] = RemoteError, **details: object) -> RemoteError:
        return kind(f"POST {self._path} on {self._url}: {reason}", url=self._url, reason=reason, **details)
