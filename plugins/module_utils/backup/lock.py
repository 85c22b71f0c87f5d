# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One backup of a cluster at a time, or one drill: a key in etcd, under a lease that ends when its holder does.

It is not the lock of operations: leadership may change hands while a backup runs.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TypeVar
from urllib.parse import quote

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import (
    Created,
    Delete,
    EtcdKeys,
    Put,
    Unchanged,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import NobodyAnswered, Refused, RemoteError

Answer = TypeVar("Answer")

TTL = 60  # seconds until the lock of a host that died is free


class Busy(Refused):
    """Another member is at it."""


class BackupLock:
    """For `with`. `lost` is set when the lease could not be renewed: another member may begin then."""

    def __init__(
        self, clients: Sequence[EtcdKeys], cluster: str, note: dict[str, str], ttl: int = TTL, work: str = "backup"
    ) -> None:
        self.key = f"/matriarch/{quote(cluster, safe='')}/{work}"
        self._work = work
        self.lost = threading.Event()
        self._clients = list(clients)
        self._note = note
        self._ttl = ttl
        self._lease = 0
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> BackupLock:
        """Raises Busy, or NobodyAnswered."""
        self._lease = self._ask(lambda etcd: etcd.grant_lease(self._ttl))
        put = Put(self.key, json.dumps(self._note, sort_keys=True).encode(), self._lease)
        # A transaction whose answer was lost is sent again, and then finds its own key.
        if not self._ask(lambda etcd: etcd.transact([Created(self.key)], [put])) and not self._is_ours():
            held = self.holder()
            self._end_lease()
            raise Busy(f"a {self._work} runs: {held}", held_by=held)
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._keeper.join()
        self._end_lease()

    def free(self, note: dict[str, str]) -> None:
        """End the lock of a holder that noted this and is known to be dead, rather than wait for its lease to end."""
        value = json.dumps(note, sort_keys=True).encode()
        found = self._ask(lambda etcd: etcd.get(self.key))
        if found and found.value == value:
            still = Unchanged(self.key, found.mod_revision)
            self._ask(lambda etcd: etcd.transact([still], [Delete(self.key)]))

    def holder(self) -> str:
        """What the one that has it noted."""
        found = self._ask(lambda etcd: etcd.get(self.key))
        return found.value.decode(errors="replace") if found else ""

    def _is_ours(self) -> bool:
        found = self._ask(lambda etcd: etcd.get(self.key))
        return found is not None and found.lease == self._lease

    def _keep(self) -> None:
        """Renew the lease; one miss is made up for, for it is renewed four times in its life."""
        missed = 0
        while not self._ended.wait(self._ttl / 4):
            try:
                missed = 0 if self._ask(lambda etcd: etcd.renew_lease(self._lease)) else 3
            except RemoteError:
                missed += 1
            if missed >= 3:
                self.lost.set()
                return

    def _end_lease(self) -> None:
        """It would also end by itself, so that a failure does not matter."""
        try:
            self._ask(lambda etcd: etcd.revoke_lease(self._lease))
        except RemoteError:
            return

    def _ask(self, operation: Callable[[EtcdKeys], Answer]) -> Answer:
        unanswered: dict[str, str] = {}
        for client in self._clients:
            try:
                return operation(client)
            except RemoteError as error:
                unanswered[client.url] = error.reason
        raise NobodyAnswered(unanswered)
