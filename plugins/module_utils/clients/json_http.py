# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON over HTTPS to one server, the certificate always verified. Decides nothing, retries nothing."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from http.client import HTTPException
from typing import Any, Generic, Protocol, TypeVar
from urllib.error import HTTPError, URLError

from ansible.module_utils.urls import ConnectionError as UrlsConnectionError
from ansible.module_utils.urls import open_url
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import NobodyAnswered, RemoteError

LARGEST_ANSWER = 16 * 1024 * 1024  # bytes; the largest real one, a dynamic configuration, is far below etcd's 1.5 MB
SHOWN_OF_AN_ANSWER = 500  # characters of a strange answer that a message repeats


@dataclass(frozen=True)
class Accepted:
    """What a server said to a request that it did not refuse: its HTTP status (2xx) and its words."""

    status: int
    said: str


@dataclass(frozen=True)
class JsonHttp:
    """Where to ask (`https://host:port`, no path), with which certificates (paths of PEM files), how long (seconds).

    Without `ca_file` the system's certificate authorities are trusted, with it that one alone.
    """

    url: str
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    timeout: float = 5.0

    def at(self, url: str) -> JsonHttp:
        """The same certificates and patience towards another server."""
        return replace(self, url=url.rstrip("/"))

    def patient(self, seconds: float) -> JsonHttp:
        """The same server, for a request that it answers only when something is done."""
        return replace(self, timeout=seconds)

    def request(self, method: str, path: str, body: object = None) -> Any:
        """Send one request and return the parsed answer.

        Raises RemoteError with `method`, `path`, `url` and, where the server answered at all, its HTTP `status` and
        its words as `answer`.
        """
        return self._parse(method, path, self._exchange(method, path, body)[1])

    def send(self, method: str, path: str, body: object = None) -> Accepted:
        """Send one request whose answer is words and a status below 300. Raises as `request`."""
        status, answer = self._exchange(method, path, body)
        return Accepted(status, _shown(answer))

    def _exchange(self, method: str, path: str, body: object) -> tuple[int, bytes]:
        try:
            with open_url(
                self.url + path,
                method=method,
                data=None if body is None else json.dumps(body),
                headers={} if body is None else {"Content-Type": "application/json"},
                ca_path=self.ca_file,
                client_cert=self.client_cert,
                client_key=self.client_key,
                timeout=self.timeout,
                use_proxy=False,  # cluster hosts speak to each other, whatever the environment says
                use_netrc=False,
                follow_redirects="none",  # the answer of the server that was asked, or none
            ) as response:
                status: int = response.status
                answer: bytes = response.read(LARGEST_ANSWER + 1)
        except HTTPError as error:
            said = _said_by(error)
            raise self._failure(method, path, f"HTTP {error.code}: {said}", status=error.code, answer=said) from error
        except (URLError, OSError, HTTPException, UrlsConnectionError, ValueError) as error:
            raise self._failure(method, path, _reason(error)) from error
        if len(answer) > LARGEST_ANSWER:
            raise self._failure(method, path, f"the answer is larger than {LARGEST_ANSWER} bytes")
        return status, answer

    def _parse(self, method: str, path: str, answer: bytes) -> Any:
        try:
            return json.loads(answer)
        except (ValueError, RecursionError) as error:
            said = _shown(answer)
            raise self._failure(method, path, f"the answer is not JSON: {said!r}", answer=said) from error

    def _failure(self, method: str, path: str, reason: str, **details: object) -> RemoteError:
        message = f"{method} {path} on {self.url}: {reason}"
        return RemoteError(message, method=method, path=path, url=self.url, reason=reason, **details)


def _shown(answer: bytes) -> str:
    return answer[: 4 * SHOWN_OF_AN_ANSWER].decode(errors="replace").strip()[:SHOWN_OF_AN_ANSWER]


def _said_by(error: HTTPError) -> str:
    """The body of a refusal, or its reason phrase where there is no body, or a page made for browsers.

    The type of the content tells nothing: Patroni sends its plain words as text/html, too.
    """
    try:
        said = _shown(error.read(4 * SHOWN_OF_AN_ANSWER))
    except (OSError, HTTPException):
        return str(error.reason)
    return str(error.reason) if not said or said.startswith("<") else said


def _reason(error: Exception) -> str:
    """What went wrong, without the wrapping of urllib."""
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {cause.verify_message}"
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    return str(cause) or type(cause).__name__


class Server(Protocol):
    """A client of one server; `url` names it in messages."""

    @property
    def url(self) -> str: ...


Client = TypeVar("Client", bound=Server)
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class FirstAnswer(Generic[Client, Answer]):
    """The answer of the first server that gave one (`client`), and why those before it gave none (url -> reason)."""

    client: Client
    answer: Answer
    unanswered: dict[str, str]


def first_answer(clients: Iterable[Client], operation: Callable[[Client], Answer]) -> FirstAnswer[Client, Answer]:
    """Ask one server after the other until one answers. Raises NobodyAnswered when none does."""
    unanswered: dict[str, str] = {}
    for client in clients:
        try:
            return FirstAnswer(client, operation(client), unanswered)
        except RemoteError as error:
            unanswered[client.url] = error.reason
    raise NobodyAnswered(unanswered)
