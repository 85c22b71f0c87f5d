# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster as Patroni tells it, from a member whose word still holds. Reads only.

Each Patroni fills its picture of the cluster from the etcd server that it talks to, and that server's copy may be old:
Patroni reads it without asking the majority (`range` in patroni/dcs/etcd3.py, `serializable`). So a member that is cut
off together with its etcd, or was until a moment ago, tells a leader that leads no more, and standbys that stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import FirstAnswer, first_answer
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import PatroniClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState

Told = FirstAnswer[PatroniClient, ClusterState]


def read_cluster(clients: Sequence[PatroniClient], history: int = 0) -> Told:
    """The cluster in the eyes of the first Patroni that answers, with the last `history` ends of timelines.

    A Patroni that tells the cluster and no history is no reason to ask another. Raises NobodyAnswered.
    """
    return first_answer(clients, lambda client: _with_history(client, history))


def second_opinion(clients: Sequence[PatroniClient], told: Told, history: int = 0) -> tuple[Told, str]:
    """What was told where its leader says the same of itself, else what another Patroni tells whose leader does.

    With it, in words, why it is not to be believed: the leader says that it does not lead, and nobody knows another
    one. A leader that cannot be asked is believed in, where all tell of it.
    """
    objection = _objection(clients, told.answer)
    if objection == "":
        return told, ""
    for other in _others(clients, told, history):
        if not _same_leader(other, told) and _objection(clients, other.answer) == "":
            return other, ""
    return told, objection or ""


def _same_leader(one: Told, other: Told) -> bool:
    """Then it is not asked again: where it is silent, that would be waited for once more."""
    leaders = [told.answer.leader.name if told.answer.leader else None for told in (one, other)]
    return leaders[0] == leaders[1]


def _objection(clients: Sequence[PatroniClient], cluster: ClusterState) -> str | None:
    """Empty where the leader that is told confirms it, or where there is none to ask; None where it does not answer."""
    leader = cluster.leader
    its_own = [client for client in clients if leader and (leader.api_url or "").startswith(f"{client.url}/")]
    if leader is None or not its_own:
        return ""
    try:
        status = its_own[0].status()
    except RemoteError:
        return None
    if status.serves_as_leader:
        return ""
    itself = f"a {status.role or 'member'} that is {status.state}"
    return f"{leader.name} is told to lead, and says itself that it is {itself}"


def _others(clients: Sequence[PatroniClient], told: Told, history: int) -> Iterator[Told]:
    for client in clients:
        if client != told.client and client.url not in told.unanswered:
            try:
                yield FirstAnswer(client, _with_history(client, history), told.unanswered)
            except RemoteError:
                continue


def _with_history(client: PatroniClient, count: int) -> ClusterState:
    cluster = client.cluster()
    if count <= 0:
        return cluster
    try:
        return replace(cluster, history=client.history()[-count:])
    except RemoteError:
        return cluster
