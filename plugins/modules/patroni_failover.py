#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: patroni_failover
version_added: 0.1.0
short_description: Make a member the leader of a cluster that has none
description:
  - For a cluster that Patroni leaves without a leader, because too few members are left to know that nothing
    acknowledged would be lost, because all of them lag too far, or because it is paused.
  - Asks every member itself how far its log reaches, and etcd which members had to confirm commits. Ranks the members,
    says what each of them would lose, and makes the best one the leader if the loss is within what is declared.
  - With synchronous replication nothing is lost if enough of those voters are heard. The most advanced of them then
    has every acknowledged commit. If too few are heard, the loss is unknown, and that is refused unless O(force=true).
  - While somebody leads, changing the leader is a switchover, and this module changes nothing.
extends_documentation_fragment:
  - matriarch.pgcluster.patroni
  - matriarch.pgcluster.tls
attributes:
  check_mode:
    description: Can run in check mode and return the ranking and the choice without acting.
    support: full
  diff_mode:
    description: Shows what has changed in diff mode.
    support: full
  idempotent:
    description: Running it twice in a row outside check mode changes nothing the second time.
    support: full
options:
  urls:
    description:
      - Addresses of the cluster's Patroni REST interfaces, like V(https://pg1:8008). All of them are asked.
      - Members that are registered but not named here are asked at the addresses that they announce.
  names:
    description:
      - Names of the members by their addresses in O(urls), for those that do not tell; the cluster forgets a dead
        member's own.
    type: dict
    default: {}
  etcd_urls:
    description:
      - Addresses at which the etcd members serve clients, like V(https://etcd1:2379), asked in turn until one answers.
      - The same certificates are used as for Patroni.
    type: list
    elements: str
    required: true
  namespace:
    description: Patroni's C(namespace), the directory of etcd below which clusters are kept.
    type: str
    default: /service/
  candidate:
    description: Name of the member that shall lead. Without it the best one is taken.
    type: str
  maximum_lost_bytes:
    description:
      - How many bytes the candidate's log may be behind the most advanced position that is known.
      - Counts only where commits did not wait for a standby. Where they did, only proof counts.
    type: int
    default: 0
  force:
    description:
      - Accepts an unknown or too large loss, and an O(candidate) that another member is ahead of.
      - Accepts neither a member that cannot lead nor a second primary.
    type: bool
    default: false
  wait_timeout:
    description: How long it may take until the candidate leads and takes writes, in seconds.
    type: float
    default: 60.0
seealso:
  - module: matriarch.pgcluster.patroni_cluster_info
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Show what each member would lose
  matriarch.pgcluster.patroni_failover:
    urls: [https://pg1:8008, https://pg2:8008, https://pg3:8008]
    etcd_urls: [https://etcd1:2379, https://etcd2:2379, https://etcd3:2379]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
  check_mode: true

- name: Go on with the only member that is left, whatever is lost
  matriarch.pgcluster.patroni_failover:
    urls: [https://pg1:8008, https://pg2:8008, https://pg3:8008]
    etcd_urls: [https://etcd1:2379, https://etcd2:2379, https://etcd3:2379]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
    candidate: pg3
    force: true
"""

RETURN = r"""
leader:
  description: The member that leads; in check mode, the one that would.
  returned: success
  type: str
  sample: pg2
reason:
  description: What is known of the loss, in a sentence.
  returned: success
  type: str
  sample: "pg2 has every acknowledged commit: 2 of 2 voters (pg2, pg3) were heard, 2 are needed"
ranking:
  description: Every member as a candidate, the best first. Those that cannot lead come last.
  returned: when the members could be ranked
  type: list
  elements: dict
  contains:
    name:
      description: Name of the member; its address where it does not answer and nobody else names it.
      type: str
    url:
      description: Address of its Patroni.
      type: str
    state:
      description: State of its PostgreSQL in Patroni's words, or V(silent).
      type: str
    obstacle:
      description: Why it cannot lead; empty where it can.
      type: str
    timeline:
      description: Its timeline, or null where it does not tell.
      type: int
    lsn:
      description: How far its log reaches, or null where it does not tell.
      type: str
      sample: 0/5000060
    voter:
      description: Whether commits waited for it, alone or as one of a quorum.
      type: bool
    lost_bytes:
      description:
        - How far it is behind the most advanced position known, or null where that cannot be told.
        - The leader that is gone reported its position once in each C(loop_wait), and may have written more after that.
      type: int
    lost_seconds_at_most:
      description: Age of the last commit that it has replayed, in seconds; 0 where nothing is lost, null where unknown.
      type: float
    loses_nothing:
      description: Whether it is proven to have every acknowledged commit.
      type: bool
    claim:
      description: All that in a sentence.
      type: str
said:
  description: What Patroni answered; empty where it was not asked to act.
  returned: success
  type: str
  sample: Successfully failed over to "pg2"
waited_seconds:
  description: How long it took until the candidate led.
  returned: success
  type: float
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.arguments import (
    CONNECTION,
    CONNECTION_REQUIRED_BY,
    connections,
    patroni_clients,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import first_answer
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import PatroniClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    NobodyAnswered,
    Refused,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.members import ask_members, read_record
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.member_status import Voice
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.store import StoreRecord
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.failover import (
    Wish,
    plan_failover,
    ranking_facts,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.failover_evidence import Situation
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import SystemClock, wait_until

NOT_DONE = (400, 401, 403, 412)  # with these Patroni has not begun anything


def read_situation(params: dict[str, Any]) -> Situation:
    """Ask the members, then the store, then those members that only the store knows. Raises when either is silent."""
    clients = patroni_clients(params)
    voices = ask_members(clients, {url.rstrip("/"): name for url, name in params["names"].items()})
    record = read_store(params, scope_of(voices))
    names = {url: name for name, url in record.member_urls.items()}
    asked = {voice.url for voice in voices} | {record.member_urls.get(voice.name) for voice in voices}
    others = [PatroniClient(clients[0].http.at(url)) for url in names if url and url not in asked]
    named = tuple(v if v.status else Voice(names.get(v.url, v.name), v.url, reason=v.reason) for v in voices)
    return Situation(record, named + ask_members(others, names), datetime.now(UTC))


def scope_of(voices: tuple[Voice, ...]) -> str:
    """The name of the cluster that the members belong to."""
    scopes = sorted({voice.status.scope for voice in voices if voice.status})
    if not scopes:
        raise NobodyAnswered({voice.url: voice.reason for voice in voices})
    if len(scopes) > 1:
        raise Refused(f"'urls' names members of several clusters: {', '.join(scopes)}. Next: give those of one cluster")
    return scopes[0]


def read_store(params: dict[str, Any], scope: str) -> StoreRecord:
    """What etcd keeps of the cluster. Without etcd nobody can become the leader."""
    directory = f"/{params['namespace'].strip('/')}/{scope}/".replace("//", "/")
    servers = [EtcdKeys(http) for http in connections({**params, "urls": params["etcd_urls"]})]
    try:
        return first_answer(servers, lambda etcd: read_record(etcd, directory)).answer
    except NobodyAnswered as error:
        raise RemoteError(
            f"etcd does not tell who had to confirm commits, and without it Patroni makes nobody the leader: {error}. "
            "Next: bring a majority of etcd back",
            unanswered=error.unanswered,
        ) from error


@dataclass(frozen=True)
class Seen:
    """Who leads after the request, and whether that one takes writes."""

    leader: str | None
    serves: bool
    told: str


def look(clients: list[PatroniClient]) -> Seen:
    """The cluster's word for who leads, and the leader's own for whether it does."""
    try:
        cluster = first_answer(clients, PatroniClient.cluster).answer
    except NobodyAnswered as error:
        return Seen(None, False, str(error))
    leader = cluster.leader
    told = "; ".join(member.described for member in cluster.members)
    if leader is None or leader.api_url is None:
        return Seen(leader.name if leader else None, False, told)
    own = PatroniClient(clients[0].http.at(leader.api_url.removesuffix("/patroni")))
    voice = ask_members([own], {own.url: leader.name})[0]
    return Seen(leader.name, voice.status is not None and voice.status.serves_as_leader, told)


def ask_to_lead(client: PatroniClient, candidate: str, seconds: float) -> tuple[str, bool]:
    """Patroni's words, and whether it may have begun; what came of it only the cluster can tell."""
    try:
        return client.failover(candidate, seconds=seconds).said, True
    except RemoteError as error:
        return error.reason, error.details.get("status") not in NOT_DONE


def fail_over(clients: list[PatroniClient], candidate: str, seconds: float) -> tuple[str, float]:
    """Have the candidate lead, and see it do so. Raises DeadlineExceeded with who leads, and what Patroni said.

    The first of the clients is the candidate's own Patroni, which needs nobody else. Returns Patroni's words, and the
    seconds that it took.
    """
    clock = SystemClock()
    start = clock.now()
    said, begun = ask_to_lead(clients[0], candidate, seconds)
    left = seconds - (clock.now() - start) if begun else 0.0
    seen = wait_until(lambda: look(clients), lambda seen: seen.serves, seconds=left, interval=0.5).last
    if not seen.serves or seen.leader != candidate:
        stands = "The request stands, and Patroni may still carry it out. " if begun else ""
        leads = f"{seen.leader} leads" if seen.leader else "nobody leads"
        raise DeadlineExceeded(
            f"POST /failover on {clients[0].url} for {candidate}: Patroni said {said!r}; {leads}: {seen.told}. "
            f"{stands}Next, on {candidate}: journalctl -u patroni -n 50",
            leader=seen.leader,
            said=said,
        )
    return said, clock.now() - start


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Read, plan, act unless in check mode, verify, report."""
    situation = read_situation(params)
    wish = Wish(params["candidate"], params["maximum_lost_bytes"], params["force"])
    plan = plan_failover(situation, wish)
    said, seconds = "", 0.0
    if not plan.is_done and not check_mode:
        http = patroni_clients(params)[0].http
        heard = [plan.url, *(v.url for v in situation.voices if v.status and v.url != plan.url)]
        clients = [PatroniClient(http.at(url)) for url in heard]
        said, seconds = fail_over(clients, plan.chosen, params["wait_timeout"])
    return {
        "changed": not plan.is_done,
        "leader": plan.chosen,
        "reason": plan.reason,
        "ranking": ranking_facts(situation),
        "said": said,
        "waited_seconds": round(seconds, 1),
        "diff": {"before": {"leader": situation.record.leader}, "after": {"leader": plan.chosen}},
    }


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            "names": {"type": "dict", "default": {}},
            "etcd_urls": {"type": "list", "elements": "str", "required": True},
            "namespace": {"type": "str", "default": "/service/"},
            "candidate": {"type": "str"},
            "maximum_lost_bytes": {"type": "int", "default": 0},
            "force": {"type": "bool", "default": False},
            "wait_timeout": {"type": "float", "default": 60.0},
        },
        required_by=CONNECTION_REQUIRED_BY,
        supports_check_mode=True,
    )
    try:
        answer = run(module.params, module.check_mode)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
