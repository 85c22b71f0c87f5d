# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON over HTTPS to one server with nothing but the standard library: the timer's program runs without Ansible."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings


@dataclass(frozen=True)
class PlainHttp:
    """Where to ask; the certificate is always verified against the cluster's own authority."""

    url: str
    context: ssl.SSLContext = field(repr=False)
    timeout: float = 5.0

    def request(self, method: str, path: str, body: object = None) -> Any:
        """Send one request and return the parsed answer. Raises RemoteError."""
        request = urllib.request.Request(self.url + path, method=method)
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=self.context), urllib.request.ProxyHandler({})
        )
        try:
            with opener.open(request, timeout=self.timeout) as answer:
                return json.loads(answer.read())
        except (OSError, ValueError) as error:
            reason = str(getattr(error, "reason", error))
            raise RemoteError(f"{method} {path} on {self.url}: {reason}", url=self.url, reason=reason) from error


def servers(settings: Settings, urls: tuple[str, ...]) -> list[PlainHttp]:
    """Connections with this host's own certificate."""
    context = ssl.create_default_context(cafile=settings.ca_file)
    context.load_cert_chain(settings.certificate_file, settings.key_file)
    return [PlainHttp(url, context) for url in urls]


def patronis(settings: Settings) -> list[PlainHttp]:
    """The members' Patronis, this host's own first."""
    names = sorted(settings.members, key=lambda name: name != settings.member)
    urls = tuple(f"https://{settings.members[name]}:{settings.patroni_port}" for name in names)
    return servers(settings, urls)
