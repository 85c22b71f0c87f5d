# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ties a probe to the operation that it measures for: the cluster's lock, which ends soon after its run died."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.operation import Keys, Lock
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operation_store import Store

LOOK = 5.0
"""Seconds between two looks at the lock."""


@dataclass(frozen=True)
class Leash:
    """The lock of `cluster` that was taken at `begun_at`; a run that goes on with an interrupted one keeps its time."""

    store: Store
    cluster: str
    begun_at: str

    def is_off(self) -> bool:
        """True when etcd says that this operation has the lock no more. Nobody knows while etcd does not answer."""
        try:
            held = self.store.ask(lambda etcd: etcd.get(Keys(self.cluster).lock))
            return held is None or Lock.parse(held.value).begun_at != self.begun_at
        except RemoteError:
            return False
        except ValueError:
            return True


class Watch(threading.Thread):
    """Looks every few seconds; a thread of its own, for etcd may be slow to say that it does not answer."""

    def __init__(self, leash: Leash | None, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.is_off = False
        self._leash, self._stop_asked = leash, stop

    def run(self) -> None:
        """Look until it is off, or the probe stops."""
        while self._leash and not self.is_off and not self._stop_asked.wait(LOOK):
            self.is_off = self._leash.is_off()
