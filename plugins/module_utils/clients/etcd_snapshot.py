# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot of one etcd server's database, streamed from its JSON gateway into a file.

The gateway sends one JSON object a line, `{"result": {"remaining_bytes": "..", "blob": base64}}`, without the length
where nothing remains. After the database, whose pages make up multiples of 512 bytes, comes its SHA-256 (etcd 3.4 to
3.6), and `etcdutl snapshot restore` checks it in the same way.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError, URLError

from ansible.module_utils.urls import ConnectionError as UrlsConnectionError
from ansible.module_utils.urls import open_url
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError

SNAPSHOT = "/v3/maintenance/snapshot"
DIGEST = 32  # bytes of a SHA-256
PAGE = 512  # bytes of which the database's length is a multiple
LONGEST_LINE = 64 * 1024 * 1024  # bytes; etcd sends at most 32 KiB of the database at once


@dataclass(frozen=True)
class Snapshot:
    """A file as it was written: its size in bytes, and the SHA-256 of the database, which etcd sent along."""

    size_bytes: int
    sha256: str


def save_snapshot(http: JsonHttp, path: Path) -> Snapshot:
    """Write the server's database to `path` in one step, readable by its owner only; what lay there is replaced.

    `http.timeout` is for each part of the answer. Raises RemoteError when the server refuses or breaks off, or when
    what it sent is no whole snapshot, and OSError when the file cannot be written. Then `path` is as it was.
    """
    descriptor, beside = tempfile.mkstemp(prefix=".matriarch-", dir=path.parent)  # with mode 0600
    try:
        with os.fdopen(descriptor, "w+b") as file:
            for blob in _blobs(http):
                file.write(blob)
            snapshot = _verified(http, file)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink()
        raise
    return snapshot


def _blobs(http: JsonHttp) -> Iterator[bytes]:
    """The parts of the database in their order."""
    try:
        with open_url(
            http.url + SNAPSHOT,
            method="POST",
            data="{}",
            headers={"Content-Type": "application/json"},
            ca_path=http.ca_file,
            client_cert=http.client_cert,
            client_key=http.client_key,
            timeout=http.timeout,
            use_proxy=False,
            use_netrc=False,
            follow_redirects="none",
        ) as answer:
            while line := answer.readline(LONGEST_LINE):
                if line.strip():
                    yield _blob(http, line)
    except HTTPError as error:
        raise _failure(http, f"HTTP {error.code}: {error.reason}") from error
    except (URLError, HTTPException, UrlsConnectionError, TimeoutError, ConnectionError) as error:
        raise _failure(http, f"the snapshot broke off: {error}") from error


def _blob(http: JsonHttp, line: bytes) -> bytes:
    try:
        told = json.loads(line)
        if "error" in told:
            raise _failure(http, f"etcd says {json.dumps(told['error'])}")
        return base64.b64decode(told["result"].get("blob", ""), validate=True)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _failure(http, f"the answer is not what etcd gives: {error!r}") from error


def _verified(http: JsonHttp, file: BinaryIO) -> Snapshot:
    """Compare what was written with the digest at its end."""
    size = file.tell()
    if size <= DIGEST or size % PAGE != DIGEST:
        raise _failure(http, f"{size} bytes came, which are no database with its SHA-256")
    file.seek(0)
    digest, left = hashlib.sha256(), size - DIGEST
    while left:
        part = file.read(min(left, 1024 * 1024))
        digest.update(part)
        left -= len(part)
    if digest.digest() != file.read(DIGEST):
        raise _failure(http, "the SHA-256 of what came is not the one that etcd sent along")
    return Snapshot(size, digest.hexdigest())


def _failure(http: JsonHttp, reason: str) -> RemoteError:
    return RemoteError(f"POST {SNAPSHOT} on {http.url}: {reason}", url=http.url, reason=reason)
