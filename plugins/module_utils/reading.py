# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put together what the single servers of an etcd cluster say. Reads only, and an unreachable server is a finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd import EtcdClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import first_answer
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import NobodyAnswered, Refused, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd import (
    NO_LEADER,
    EtcdMember,
    EtcdState,
    MemberList,
    Seen,
    hex_id,
)

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Look:
    """One server that was asked how it is, and what came of it."""

    client: EtcdClient
    seen: Seen

    @property
    def cluster_id(self) -> int | None:
        """The cluster that the server belongs to, if it answered."""
        return self.seen.status.cluster_id if self.seen.status else None

    @property
    def raft_index(self) -> int:
        """How far the server's log reaches; -1 if it did not answer."""
        return self.seen.status.raft_index if self.seen.status else -1

    @property
    def has_majority(self) -> bool:
        """True when the server is one of a majority: it serves, or only an alarm (which it tells) keeps it from that.

        A server may know a leader for a while that it has lost; what needs a majority then ends in a timeout.
        """
        status = self.seen.status
        return status is not None and status.leader != NO_LEADER and (self.seen.serves or bool(status.errors))


@dataclass(frozen=True)
class EtcdReading:
    """The state of the cluster, and those of the asked servers that belong to it, the freshest first."""

    state: EtcdState
    looks: tuple[Look, ...]

    def voter(self, *, besides: int) -> EtcdClient:
        """A healthy voter to send a change to, but not the member that the change is about. Raises Refused."""
        voters = {m.id for m in self.state.healthy_voters} - {besides}
        for look in self.looks:
            if look.seen.status and look.seen.status.member_id in voters:
                return look.client
        raise Refused("none of the given urls is that of a healthy voter which could take the change: name one")

    def client_of(self, member: EtcdMember) -> EtcdClient:
        """A client of the member itself: at the url that it answered at, else where it announces to be."""
        for look in self.looks:
            if look.seen.status and look.seen.status.member_id == member.id:
                return look.client
        return self.looks[0].client.at(member.client_urls[0])


def read_etcd(clients: Iterable[EtcdClient]) -> EtcdReading:
    """Ask every server how it is, then one for the members, then those members that were not among the asked.

    Raises NobodyAnswered when no server does. A server of another cluster than most of them counts as unreachable.
    """
    looks = [look_at(client) for client in clients]
    home = _of_one_cluster(looks)
    servers = [look.client for look in home]
    led = any(look.has_majority for look in home)
    listed = _list_members(servers, led)
    state = EtcdState(
        cluster_id=listed.cluster_id,
        members=listed.members,
        seen=_seen_by_id(listed, home, looks),
        alarms=(_first_or_none(servers, EtcdClient.alarms) or ()) if led else (),
        unanswered={look.client.url: _why_not_home(look) for look in looks if look not in home},
    )
    return EtcdReading(state, tuple(home))


def look_at(client: EtcdClient) -> Look:
    """Ask one server how it is; its health only if it knows a leader, for without one that takes a whole timeout."""
    try:
        status = client.status()
    except RemoteError as error:
        return Look(client, Seen(error=error.reason))
    if status.leader == NO_LEADER:
        return Look(client, Seen(status, error="; ".join(status.errors) or "it knows no leader"))
    try:
        serves = client.is_healthy()
    except RemoteError as error:
        return Look(client, Seen(status, error=error.reason))
    return Look(client, Seen(status, serves, None if serves else "it calls itself unhealthy"))


def _of_one_cluster(looks: Sequence[Look]) -> list[Look]:
    """The servers of the cluster to which most of those that answered belong, the freshest first."""
    sizes = Counter(look.cluster_id for look in looks if look.cluster_id is not None)
    if not sizes:
        raise NobodyAnswered({look.client.url: look.seen.error or "" for look in looks})
    home = sizes.most_common(1)[0][0]
    return sorted((look for look in looks if look.cluster_id == home), key=lambda look: look.raft_index, reverse=True)


def _list_members(servers: Sequence[EtcdClient], led: bool) -> MemberList:
    """The members by majority where there is one, else as a server remembers them."""
    listed = _first_or_none(servers, EtcdClient.members) if led else None
    return listed or first_answer(servers, EtcdClient.members_known_here).answer


def _first_or_none(servers: Sequence[EtcdClient], operation: Callable[[EtcdClient], Answer]) -> Answer | None:
    try:
        return first_answer(servers, operation).answer
    except RemoteError:
        return None


def _seen_by_id(listed: MemberList, home: Sequence[Look], looks: Sequence[Look]) -> Mapping[int, Seen]:
    seen = {look.seen.status.member_id: look.seen for look in home if look.seen.status}
    asked = {look.client.url: look for look in looks}
    unseen = [m for m in listed.members if m.started and m.id not in seen]
    return seen | {m.id: _look_for(m, listed.cluster_id, home[0].client, asked) for m in unseen}


def _look_for(member: EtcdMember, cluster_id: int, anyone: EtcdClient, asked: Mapping[str, Look]) -> Seen:
    """Ask a member at the address that it announced itself; nobody is asked twice."""
    if not member.client_urls:
        return Seen(error="it announces no address for clients")
    url = member.client_urls[0].rstrip("/")
    look = asked.get(url) or look_at(anyone.at(url))
    if look.seen.status and look.cluster_id != cluster_id:
        return Seen(error=_why_not_home(look))
    if look.seen.status and look.seen.status.member_id != member.id:
        return Seen(error=f"the member {hex_id(look.seen.status.member_id)} answers at its address {url}")
    return look.seen


def _why_not_home(look: Look) -> str:
    if look.cluster_id is None:
        return look.seen.error or "no answer"
    return f"it belongs to another cluster, {hex_id(look.cluster_id)}"
