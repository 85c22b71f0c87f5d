# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look whether the cluster that a standby cluster follows is alive, from one of the latter's hosts. Reads only."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import PatroniClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.primary_site import (
    ALIVE,
    IDLE,
    SILENT,
    SiteHost,
)


@dataclass(frozen=True)
class PrimarySite:
    """`ca_file` is that of its hosts' certificates; `seconds` is how long one answer may take."""

    hosts: Sequence[str]
    ca_file: str
    patroni_port: int = 8008
    postgres_port: int = 5432
    seconds: float = 5.0

    def look(self) -> tuple[SiteHost, ...]:
        """One after the other would cost a timeout each: they are asked at once."""
        with ThreadPoolExecutor(max_workers=max(len(self.hosts), 1)) as pool:
            return tuple(pool.map(self._host, self.hosts))

    def _host(self, address: str) -> SiteHost:
        if self._listens(address, self.patroni_port):
            return self._by_patroni(address)
        if self._listens(address, self.postgres_port):
            return SiteHost(address, ALIVE, "PostgreSQL answers there, and no Patroni that would tell what it does")
        return SiteHost(address, SILENT, f"neither port {self.patroni_port} nor port {self.postgres_port} answers")

    def _listens(self, address: str, port: int) -> bool:
        try:
            socket.create_connection((address, port), self.seconds).close()
        except OSError:
            return False
        return True

    def _by_patroni(self, address: str) -> SiteHost:
        patroni = PatroniClient(
            JsonHttp(f"https://{address}:{self.patroni_port}", ca_file=self.ca_file, timeout=self.seconds)
        )
        try:
            own = patroni.status()
            if own.is_primary:
                return SiteHost(address, ALIVE, "its PostgreSQL takes writes")
            leader = patroni.cluster().leader
        except RemoteError as error:
            return SiteHost(address, ALIVE, f"something answers there: {error.reason}")
        if leader:
            return SiteHost(address, ALIVE, f"its Patroni says that {leader.name} leads ({leader.role})")
        return SiteHost(address, IDLE, "its Patroni says that nobody leads")
