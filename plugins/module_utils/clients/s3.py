# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few requests to an S3 storage that no backup engine makes: what its bucket protects, and whether it does.

Requests are signed as AWS's Signature Version 4 wants it; the certificate is always verified.
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote
from xml.etree import ElementTree

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Repository

SERVICE = "s3"
UNKNOWN = "NoSuchKey"
LARGEST_ANSWER = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """Headers in small letters, and the body."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class S3:
    """One bucket. Every method raises RemoteError, with the HTTP `status`, where the storage refuses."""

    repository: Repository
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    timeout: float = 20.0

    def is_versioned(self) -> bool:
        """Whether what is overwritten or deleted stays as an older version."""
        return _text(self._send("GET", "", "versioning=").body, "Status") == "Enabled"

    def lock_days(self) -> int:
        """For how many days a new object cannot be deleted, by the bucket's own default; 0 where it can be."""
        try:
            body = self._send("GET", "", "object-lock=").body
        except RemoteError as error:
            if error.details.get("status") in (400, 404):
                return 0
            raise
        days, years = _text(body, "Days") or "0", _text(body, "Years") or "0"
        return int(days) + 365 * int(years) if _text(body, "ObjectLockEnabled") == "Enabled" else 0

    def version(self, key: str) -> str | None:
        """The version of an object, None where there is none."""
        try:
            return self._send("HEAD", key).headers.get("x-amz-version-id")
        except RemoteError as error:
            if error.details.get("status") == 404:
                return None
            raise

    def put(self, key: str, content: bytes) -> str:
        """Write an object; its version, empty where the bucket keeps none."""
        return self._send("PUT", key, body=content).headers.get("x-amz-version-id", "")

    def delete(self, key: str, version: str) -> None:
        """Delete one version of an object for good."""
        self._send("DELETE", key, f"versionId={quote(version, safe='')}")

    def _send(self, method: str, key: str, query: str = "", body: bytes = b"") -> Answer:
        where = self.repository
        host = where.endpoint if where.path_style else f"{where.bucket}.{where.endpoint}"
        host = host if where.port == 443 else f"{host}:{where.port}"
        path = (f"/{where.bucket}" if where.path_style else "") + quote(f"/{key.lstrip('/')}")
        url = f"https://{host}{path}" + (f"?{query}" if query else "")
        request = urllib.request.Request(url, method=method, data=body or None)
        for name, value in self._signed(method, host, path, query, body).items():
            request.add_header(name, value)
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=_context(where)), urllib.request.ProxyHandler({})
        )
        try:
            with opener.open(request, timeout=self.timeout) as answer:
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Answer(headers, answer.read(LARGEST_ANSWER))
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code} {_text(error.read(LARGEST_ANSWER), 'Code') or error.reason}"
            raise RemoteError(f"{method} {url}: {reason}", status=error.code, reason=reason) from error
        except OSError as error:
            reason = str(getattr(error, "reason", error))
            raise RemoteError(f"{method} {url}: {reason}", reason=reason) from error

    def _signed(self, method: str, host: str, path: str, query: str, body: bytes) -> dict[str, str]:
        """The headers that prove who asks: docs.aws.amazon.com, "Signature Version 4 signing process"."""
        moment = datetime.now(UTC)
        stamp, day = moment.strftime("%Y%m%dT%H%M%SZ"), moment.strftime("%Y%m%d")
        digest = hashlib.sha256(body).hexdigest()
        told = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": stamp}
        names = ";".join(told)
        heads = "".join(f"{name}:{value}\n" for name, value in told.items())
        canonical = "\n".join([method, path, query, heads, names, digest])
        scope = f"{day}/{self.repository.region}/{SERVICE}/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{self.secret_key}".encode()
        for part in (*scope.split("/"),):
            key = hmac.new(key, part.encode(), "sha256").digest()
        signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
        proof = f"Credential={self.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return {**told, "Authorization": f"AWS4-HMAC-SHA256 {proof}"}


def _context(repository: Repository) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=repository.ca_certificate or None)


def _text(body: bytes, name: str) -> str:
    """The text of the first element of that name, whatever its namespace; empty where there is none."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return ""
    return next((each.text or "" for each in root.iter() if each.tag.rpartition("}")[2] == name), "").strip()
