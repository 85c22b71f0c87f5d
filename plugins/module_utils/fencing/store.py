# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the members of a cluster tell each other about fencing, in etcd, beside what Patroni keeps there.

`/service/CLUSTER/leader` names the leader, for as long as its lease lives. `/matriarch/CLUSTER/fencing` names who
fences, and `/matriarch/CLUSTER/fenced` the host that has no power, for as long as nobody shall send anything to it.
Below that, each member notes that it sends nothing to it any more. Below `/matriarch/CLUSTER/silent`, each member that
hears nothing of the leader's host names the leader, for a few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import (
    Created,
    Delete,
    EtcdKeys,
    KeyValue,
    Put,
    Unchanged,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni_keys import (
    Leadership,
    revision,
    text,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError

Answer = TypeVar("Answer")
MOST_MEMBERS = 100
CLAIM_ATTEMPTS = 3  # of a second or two each: the claim has to outlive the command


@dataclass(frozen=True)
class Standing(Leadership):
    """What etcd holds now; keys that are not there are None."""

    fencer: KeyValue | None
    fenced: KeyValue | None
    words: tuple[KeyValue, ...] = ()

    @property
    def suspecting(self) -> dict[str, int]:
        """Who says that nothing on the leader's host answers, and the lease of that word. Words of others are over."""
        about_it = (
            word for word in self.words if text(word) == self.leads and word.mod_revision > revision(self.leader)
        )
        return {word.key.rpartition("/")[2]: word.lease for word in about_it}


@dataclass(frozen=True)
class Claim:
    """What was held to be true when the leader's host was fenced: revisions of the keys, 0 where there was none."""

    leader: str
    leader_revision: int
    config_revision: int
    fencer_revision: int


class FencingStore:
    """Several servers of one etcd, asked one at a time. Every method raises RemoteError."""

    def __init__(self, clients: Sequence[EtcdKeys], cluster: str) -> None:
        self._clients, self._silent = list(clients), ""
        own = f"/matriarch/{quote(cluster, safe='')}"
        self._patroni, self._fencer, self._fenced = f"/service/{cluster}", f"{own}/fencing", f"{own}/fenced"
        self._words = f"{own}/silent/"

    def avoid(self, address: str) -> None:
        """A host that is silent: its server is asked only where there is no other."""
        self._silent = address

    def read(self) -> Standing:
        """As etcd's majority has it, all of the same moment."""
        leader, config = f"{self._patroni}/leader", f"{self._patroni}/config"
        found = self._ask(lambda etcd: etcd.together([leader, config, self._fencer, self._fenced], self._words))
        return Standing(
            leader=found.get(leader),
            config=found.get(config),
            fencer=found.get(self._fencer),
            fenced=found.get(self._fenced),
            words=tuple(word for key, word in found.items() if key.startswith(self._words)),
        )

    def suspect(self, standing: Standing, member: str, seconds: int) -> int:
        """Say for so many seconds that nothing on the leader's host answers this member; the lease of that word.

        0 where somebody leads anew.
        """
        lease = self._ask(lambda etcd: etcd.grant_lease(seconds))
        leads = Unchanged(f"{self._patroni}/leader", revision(standing.leader))
        word = Put(f"{self._words}{member}", standing.leads.encode(), lease)
        return lease if self._ask(lambda etcd: etcd.transact([leads], [word])) else 0

    def claim(self, standing: Standing, member: str, seconds: int) -> Claim | None:
        """Be the one that fences, for so long; None where another one is, or somebody leads anew.

        A claim whose answer was lost may have been taken, and would keep everybody from fencing until it is over. So it
        is made again: who finds it under its own lease has it.
        """
        lease = self._ask(lambda etcd: etcd.grant_lease(seconds))
        leads = Unchanged(f"{self._patroni}/leader", revision(standing.leader))
        put = Put(self._fencer, member.encode(), lease)

        def take(etcd: EtcdKeys) -> KeyValue | None:
            etcd.transact([Created(self._fencer), leads], [put])
            return etcd.get(self._fencer)

        held = self._insist(take)
        if held is None or held.lease != lease:
            return None
        return Claim(standing.leads, leads.revision, revision(standing.config), held.mod_revision)

    def note(self, claim: Claim, seconds: int) -> int:
        """Have everybody know for so many seconds that the host has no power; the lease of the note.

        0 where the one who asks is not the one that fences any more.
        """
        lease = self._ask(lambda etcd: etcd.grant_lease(seconds))
        note = Put(self._fenced, claim.leader.encode(), lease)
        return lease if self._ask(lambda etcd: etcd.transact([self._still_fences(claim)], [note])) else 0

    def heed(self, note: KeyValue, member: str) -> None:
        """Say that this member sends nothing to that host, for as long as the note is there."""
        heeded = Put(f"{self._fenced}/{member}", b"", note.lease)
        self._ask(lambda etcd: etcd.transact([Unchanged(self._fenced, note.mod_revision)], [heeded]))

    def heeding(self, lease: int) -> int:
        """How many members have said so under the lease of the note."""
        found = self._ask(lambda etcd: etcd.last_below(f"{self._fenced}/", MOST_MEMBERS))
        return sum(key.lease == lease for key in found)

    def forget(self, lease: int) -> None:
        """Take a note or a word back: the host is there again."""
        self._ask(lambda etcd: etcd.revoke_lease(lease))

    def depose(self, claim: Claim) -> bool:
        """End the leadership of a leader whose host has no power.

        Only where it still leads by the same key, Patroni's configuration is the same, so that it is not paused, and
        the one who asks still is the one that fences. Tells whether it was done.
        """
        still = [
            Unchanged(f"{self._patroni}/leader", claim.leader_revision),
            Unchanged(f"{self._patroni}/config", claim.config_revision),
            self._still_fences(claim),
        ]
        changes = [
            Delete(f"{self._patroni}/leader"),
            Delete(f"{self._patroni}/members/{claim.leader}"),
            Delete(self._fencer),
        ]
        return self._ask(lambda etcd: etcd.transact(still, changes))

    def _still_fences(self, claim: Claim) -> Unchanged:
        return Unchanged(self._fencer, claim.fencer_revision)

    def _insist(self, operation: Callable[[EtcdKeys], Answer]) -> Answer:
        """Ask once more, the next server, where one does not answer."""
        for _attempt in range(CLAIM_ATTEMPTS - 1):
            with suppress(RemoteError):
                return self._ask(operation)
        return self._ask(operation)

    def _ask(self, operation: Callable[[EtcdKeys], Answer]) -> Answer:
        """One server each time; the next one is asked the next time, where it does not answer."""
        self._clients.sort(key=lambda client: f"//{self._silent}:" in client.url)
        try:
            return operation(self._clients[0])
        except RemoteError:
            self._clients.append(self._clients.pop(0))
            raise
