# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member reads in etcd of its own leadership, and how it gives it up. The keys are Patroni's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import (
    Delete,
    EtcdKeys,
    KeyValue,
    Unchanged,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni_keys import Leadership, revision, text
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.sentry import SyncSet

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Standing(Leadership):
    """What etcd holds now; keys that are not there are None."""

    sync: KeyValue | None

    @property
    def sync_set(self) -> SyncSet:
        """Who has every acknowledged commit."""
        return SyncSet.parse(text(self.sync))


class SentryStore:
    """Several servers of one etcd. Every method raises RemoteError where none of them answers."""

    def __init__(self, clients: Sequence[EtcdKeys], cluster: str) -> None:
        self._clients, self._patroni = list(clients), f"/service/{cluster}"

    def read(self) -> Standing:
        """As etcd's majority has it."""
        return Standing(*self._ask(lambda etcd: tuple(map(etcd.get, self._keys()))))

    def give_up(self, standing: Standing) -> bool:
        """End one's own leadership, if all is still as it was read; tells whether it was done.

        The member's entry goes with it, which is made anew when it is back.
        """
        held = (standing.leader, standing.config, standing.sync)
        still = [Unchanged(key, revision(found)) for key, found in zip(self._keys(), held, strict=True)]
        gone = [Delete(f"{self._patroni}/leader"), Delete(f"{self._patroni}/members/{standing.leads}")]
        return self._ask(lambda etcd: etcd.transact(still, gone))

    def _keys(self) -> tuple[str, str, str]:
        return f"{self._patroni}/leader", f"{self._patroni}/config", f"{self._patroni}/sync"

    def _ask(self, operation: Callable[[EtcdKeys], Answer]) -> Answer:
        """One after the other, beginning with the one that answered last."""
        for _turn in range(len(self._clients) - 1):
            try:
                return operation(self._clients[0])
            except RemoteError:
                self._clients.append(self._clients.pop(0))
        return operation(self._clients[0])
