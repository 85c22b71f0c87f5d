# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where it is kept how far the backups are proven: in etcd for the cluster, and in a file of every member that looked.

Whatever one of the two knows and the other does not is told to it, so that neither a lost host nor a rebuilt etcd makes
the cluster forget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.state import FOLDER
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys, Put, Unchanged
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.owned_file import replace_file
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    MatriarchError,
    NobodyAnswered,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import Proof, Trial

PROOF_FILE = f"{FOLDER}/proof.json"
RACES = 5  # so often another member may write between our look and our word

Answer = TypeVar("Answer")


class Proofs:
    """One member's file, and the cluster's key in etcd."""

    def __init__(self, clients: Sequence[EtcdKeys], cluster: str, path: str = PROOF_FILE) -> None:
        self._clients, self._path = list(clients), Path(path)
        self.key = f"/matriarch/{quote(cluster, safe='')}/proof"

    def known_here(self) -> Proof:
        """What the member's file says; nothing where there is none, or it holds something else."""
        try:
            return Proof.from_text(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return Proof()

    def add(self, trial: Trial) -> Proof:
        """Keep one more. The file has it also where etcd does not answer. Raises NobodyAnswered, MatriarchError."""
        self._write(self.known_here().knowing(trial))
        return self.agreed()

    def told(self) -> Proof:
        """What the cluster and this member know together; nothing is written. Raises NobodyAnswered."""
        kept = self._ask(lambda etcd: etcd.get(self.key))
        return self.known_here().merged(_parsed(kept.value) if kept else Proof())

    def agreed(self) -> Proof:
        """What the cluster and this member know together, told to both. Raises NobodyAnswered, MatriarchError."""
        here = self.known_here()
        for _race in range(RACES):
            kept = self._ask(lambda etcd: etcd.get(self.key))
            there = _parsed(kept.value) if kept else Proof()
            both = there.merged(here)
            put = Put(self.key, both.to_text().encode())
            still = Unchanged(self.key, kept.mod_revision if kept else 0)
            if both == there or self._ask(lambda etcd, c=still, p=put: etcd.transact([c], [p])):  # type: ignore[misc]
                if both != here:
                    self._write(both)
                return both
        raise MatriarchError("other members write down what they know of the backups all the time: run this again")

    def _write(self, proof: Proof) -> None:
        """For everybody to read, and for the folder's owner to replace, whoever writes it."""
        try:
            replace_file(self._path, proof.to_text(), owner=self._path.parent.stat(), mode=0o644)
        except OSError as error:
            raise MatriarchError(f"{self._path} could not be written: {error.strerror or error}") from error

    def _ask(self, operation: Callable[[EtcdKeys], Answer]) -> Answer:
        unanswered: dict[str, str] = {}
        for client in self._clients:
            try:
                return operation(client)
            except RemoteError as error:
                unanswered[client.url] = error.reason
        raise NobodyAnswered(unanswered)


def _parsed(value: bytes) -> Proof:
    try:
        return Proof.from_text(value)
    except ValueError:
        return Proof()
