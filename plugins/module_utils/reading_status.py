# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put together what Patroni and etcd say of the whole cluster. Reads only, and whoever is silent is a finding."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd import EtcdClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import first_answer
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import PatroniClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import NobodyAnswered, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.status import Store, Unfinished
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.restore_note import note_key, told
from ansible_collections.matriarch.pgcluster.plugins.module_utils.reading import EtcdReading, read_etcd
from ansible_collections.matriarch.pgcluster.plugins.module_utils.reading_agreement import read_agreement


def read_config(client: PatroniClient) -> dict[str, Any] | None:
    """The dynamic configuration, or None where there is none."""
    try:
        return client.config()
    except RemoteError:
        return None


def read_store(clients: Iterable[EtcdClient]) -> Store:
    """The consensus store, if any of its servers answers."""
    try:
        reading = read_etcd(clients)
    except NobodyAnswered as error:
        return Store(None, error.unanswered)
    return Store(reading.state, reading.state.unanswered, read_contradiction(reading))


def read_restore(clients: Iterable[EtcdKeys], cluster: str) -> Unfinished | None:
    """The restore of this cluster that etcd has a note of; None also where that cannot be read."""
    try:
        kept = first_answer(clients, lambda client: client.get(note_key(cluster))).answer
        note = json.loads(kept.value) if kept else None
        return Unfinished(cluster, told(note), bool(note.get("committed"))) if note else None
    except (RemoteError, ValueError, AttributeError):
        return None


def read_contradiction(reading: EtcdReading) -> str:
    """Which members of the consensus store hold different keys, as far as they tell."""
    try:
        agreement = read_agreement(reading)
    except RemoteError:
        return ""
    return agreement.contradiction if agreement else ""
