# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask every member itself how it is, and etcd what Patroni keeps of them. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import PatroniClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.member_status import Voice
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.store import StoreRecord

MOST_KEYS = 1000  # of one cluster: a few, and one for each member


def ask_members(clients: Sequence[PatroniClient], names: Mapping[str, str]) -> tuple[Voice, ...]:
    """One voice for each client, in their order. `names` by url stand in where a member does not tell its own.

    A member that nobody can name is called by its url. All are asked at once: dead hosts cost one timeout together.
    """

    def ask(client: PatroniClient) -> Voice:
        name = names.get(client.url, client.url)
        try:
            status = client.status()
        except RemoteError as error:
            return Voice(name, client.url, reason=error.reason)
        return Voice(status.name or name, client.url, status)

    with ThreadPoolExecutor(max_workers=max(len(clients), 1)) as pool:
        return tuple(pool.map(ask, clients))


def read_record(etcd: EtcdKeys, directory: str) -> StoreRecord:
    """What Patroni keeps of the cluster whose keys lie in `directory` (like /service/main/).

    Raises RemoteError when etcd has no majority, or does not know that cluster.
    """
    values = {kv.key.removeprefix(directory): kv.value for kv in etcd.last_below(directory, MOST_KEYS)}
    try:
        return StoreRecord.from_values({key: value.decode() for key, value in values.items()})
    except ValueError as error:
        reason = f"{directory} is not as Patroni keeps a cluster: {error}"
        raise RemoteError(f"etcd at {etcd.url}: {reason}", url=etcd.url, reason=reason) from error
