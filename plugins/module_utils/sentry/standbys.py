# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other members, asked by their own Patroni whether they could take over."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.kept_http import KeptHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.sentry import is_fit

SECONDS = 1.0


def fit(urls: Mapping[str, str], context: Callable[[], ssl.SSLContext], streaming: bool) -> frozenset[str]:
    """Who of them says that it is fit, and is streaming where that is asked. All are asked at once.

    One that does not answer is not fit.
    """

    def asked(name: str) -> bool:
        try:
            told = KeptHttp(urls[name], context, SECONDS).request("GET", "/patroni")
        except RemoteError:
            return False
        return isinstance(told, Mapping) and is_fit(told, streaming)

    with ThreadPoolExecutor(max(1, len(urls))) as asking:
        return frozenset(name for name, is_one in zip(urls, asking.map(asked, urls), strict=True) if is_one)
