#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_rebuild
version_added: 0.1.0
short_description: Decide how a lost etcd is rebuilt below a running cluster, and prove the outcome
description:
  - Knows when a lost etcd may be rebuilt while PostgreSQL runs on in Patroni's failsafe mode, from what, whether what
    survived may be shown to Patroni, and when all is as before.
  - Changes nothing. The playbook C(rebuild_etcd) does the work between its three stages.
extends_documentation_fragment:
  - matriarch.pgcluster.etcd
  - matriarch.pgcluster.tls
attributes:
  check_mode:
    description: Can run in check mode and return what it would without it.
    support: full
  diff_mode:
    description: Shows what has changed in diff mode.
    support: N/A
    details: The module changes nothing.
  idempotent:
    description: Running it twice in a row outside check mode changes nothing the second time.
    support: full
options:
  stage:
    description:
      - V(plan) asks etcd at O(urls) and O(unseen_urls) and every Patroni, and chooses the way. Refuses while a majority
        of etcd runs, and unless exactly one member is a primary, all others stream on its timeline, every Patroni
        answers, and the leader's says that it is in failsafe mode.
      - V(judge) compares what an etcd at O(unseen_urls) holds of the cluster with O(before) and O(config), and refuses
        a store from the past. An empty one is good.
      - V(verify) waits until etcd at O(urls) is whole and Patroni has written everything again, nobody was restarted
        and all stream as before, and then compares what the members of etcd hold.
    type: str
    choices: [plan, judge, verify]
    required: true
  cluster:
    description: Name of the cluster, Patroni's scope.
    type: str
    required: true
  namespace:
    description: Patroni's C(namespace), the directory of etcd below which clusters are kept.
    type: str
    default: /service/
  patroni_urls:
    description: Addresses of all Patroni REST interfaces, asked with the same certificates. Not for O(stage=judge).
    type: list
    elements: str
    default: []
  unseen_urls:
    description: Where etcd serves while Patroni shall not see it. Not for O(stage=verify).
    type: list
    elements: str
    default: []
  members:
    description: Whether each declared member of etcd has data, by its name.
    type: dict
    default: {}
  source:
    description:
      - From what to rebuild. V(survivor) takes the data of the one member that has some, V(nothing) founds etcd anew,
        V(auto) takes what is left.
    type: str
    choices: [auto, survivor, nothing]
    default: auto
  survivor:
    description: Whose data to take, where several members have some.
    type: str
    default: ""
  before:
    description: What RV(before) of O(stage=plan) was. For O(stage=judge) and O(stage=verify).
    type: dict
    default: {}
  config:
    description: The dynamic configuration that Patroni has in memory. For O(stage=judge) and O(stage=verify).
    type: dict
    default: {}
  wait_timeout:
    description: How long O(stage=verify) waits, in seconds.
    type: float
    default: 90.0
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: See what is left of etcd, and choose a way
  matriarch.pgcluster.etcd_rebuild:
    stage: plan
    cluster: shop
    urls: [https://pg1:2379, https://pg2:2379, https://pg3:2379]
    unseen_urls: [https://pg1:2382, https://pg2:2382, https://pg3:2382]
    patroni_urls: [https://pg1:8008, https://pg2:8008, https://pg3:8008]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
    members: {pg1: false, pg2: true, pg3: false}
"""

RETURN = r"""
way:
  description:
    - V(none) where etcd is healthy, V(resume) where an interrupted run goes on or a majority only has to run again,
      V(survivor), or V(nothing).
  returned: when O(stage=plan)
  type: str
survivor:
  description: Whose data is taken; empty where nobody's is.
  returned: when O(stage=plan)
  type: str
reason:
  description: Why this way.
  returned: when O(stage=plan)
  type: str
steps:
  description: What is to be done, in words.
  returned: when O(stage=plan)
  type: list
  elements: str
stamp:
  description: The present time in UTC, for names of what is moved aside and for the identity of the new etcd.
  returned: when O(stage=plan)
  type: str
  sample: 20260131T120000Z
before:
  description: The cluster that runs, which must be the same afterwards; empty where nothing is to be done.
  returned: when O(stage=plan)
  type: dict
  contains:
    leader:
      description: The primary.
      type: str
    timeline:
      description: The timeline of all members.
      type: int
    system_identifier:
      description: The identity of the data.
      type: str
    started:
      description: When each member's PostgreSQL was started.
      type: dict
waited_seconds:
  description: How long it took until all was as before.
  returned: when O(stage=verify)
  type: float
compared_revision:
  description: Up to which revision all members of etcd hold the same; null with etcd 3.4, which does not tell.
  returned: when O(stage=verify)
  type: int
"""

from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.arguments import (
    CONNECTION,
    CONNECTION_REQUIRED_BY,
    connections,
    etcd_clients,
    patroni_clients,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import first_answer
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    NobodyAnswered,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.members import MOST_KEYS, ask_members
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd import EtcdState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd_agreement import Agreement
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.etcd_rebuild import (
    Evidence,
    Found,
    Wish,
    choose,
    contradictions,
    differences_of,
    evidence_of,
    judge,
    missing_of,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.remedies import JOIN_ETCD_ANEW
from ansible_collections.matriarch.pgcluster.plugins.module_utils.reading import read_etcd
from ansible_collections.matriarch.pgcluster.plugins.module_utils.reading_agreement import read_agreement
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until

COMPARING_SECONDS = 10.0  # a compaction, which no two members do at the same moment, is over long before


def state_at(params: dict[str, Any], urls: str) -> EtcdState | None:
    """The etcd that answers at these addresses, if one does."""
    try:
        return read_etcd(etcd_clients({**params, "urls": params[urls]})).state
    except NobodyAnswered:
        return None


def has_majority(state: EtcdState | None) -> bool:
    """True when it takes writes."""
    return state is not None and len(state.healthy_voters) >= state.quorum


def keys_at(params: dict[str, Any], urls: str) -> dict[str, str]:
    """What Patroni keeps of the cluster, by key. Raises NobodyAnswered where etcd has no majority."""
    directory = f"/{params['namespace'].strip('/')}/{params['cluster']}/".replace("//", "/")
    servers = [EtcdKeys(http) for http in connections({**params, "urls": params[urls]})]
    kept = first_answer(servers, lambda etcd: etcd.last_below(directory, MOST_KEYS)).answer
    return {kv.key.removeprefix(directory): kv.value.decode(errors="replace") for kv in kept}


def voices_of(params: dict[str, Any]) -> Any:
    """Every member's own word."""
    return ask_members(patroni_clients({**params, "urls": params["patroni_urls"]}), {})


def plan(params: dict[str, Any]) -> dict[str, Any]:
    """Look at what is left, and choose."""
    members = params["members"]
    seen = state_at(params, "urls")
    found = Found(
        has_data=members,
        healthy=seen is not None and not seen.problems(members),
        has_majority=has_majority(seen),
        unseen_has_majority=has_majority(state_at(params, "unseen_urls")),
    )
    way = choose(found, Wish(params["source"], params["survivor"]))
    before = evidence_of(voices_of(params), params["cluster"]).facts() if way.steps else {}
    return {
        "way": way.name,
        "survivor": way.survivor,
        "reason": way.reason,
        "steps": list(way.steps),
        "stamp": datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
        "before": before,
    }


def judge_survivor(params: dict[str, Any]) -> dict[str, Any]:
    """Compare what survived with what runs."""
    judge(keys_at(params, "unseen_urls"), Evidence(**params["before"]), params["config"])
    return {}


def unfinished(params: dict[str, Any], before: Evidence) -> tuple[str, ...]:
    """What is not as before, or not yet written."""
    found = differences_of(voices_of(params), before)
    state = state_at(params, "urls")
    found += state.problems(params["members"]) if state else ("etcd does not answer",)
    try:
        values = keys_at(params, "urls")
    except RemoteError as error:
        return (*found, str(error))
    wrong = contradictions(values, before, params["config"], complete=True)
    return (*found, *(wrong or missing_of(values, before.started.keys() - {before.leader}, params["config"])))


def verify(params: dict[str, Any]) -> dict[str, Any]:
    """Wait until all is as before."""
    before = Evidence(**params["before"])
    outcome = wait_until(
        lambda: unfinished(params, before), lambda left: not left, seconds=params["wait_timeout"], interval=0.5
    )
    if not outcome.reached:
        raise DeadlineExceeded(
            f"etcd was rebuilt, but after {outcome.seconds:.0f} s not all is as before: {'; '.join(outcome.last)}. "
            "Next: ansible-playbook matriarch.pgcluster.status, and Patroni's journal on the members named",
            problems=list(outcome.last),
        )
    return {"waited_seconds": round(outcome.seconds, 1), "compared_revision": compared(params)}


def compared(params: dict[str, Any]) -> int | None:
    """Up to which revision all members hold the same, if they can tell. Raises DeadlineExceeded where they do not."""
    outcome = wait_until(
        lambda: agreement_at(params), lambda told: not parted(told), seconds=COMPARING_SECONDS, interval=1.0
    )
    if not outcome.reached:
        raise DeadlineExceeded(
            f"etcd was rebuilt, but its members do not hold the same: {parted(outcome.last)}. Next: {JOIN_ETCD_ANEW}",
            problems=[parted(outcome.last)],
        )
    return outcome.last.revision if isinstance(outcome.last, Agreement) else None


def agreement_at(params: dict[str, Any]) -> Agreement | RemoteError | None:
    """What the members of etcd hold, or why one does not tell."""
    try:
        return read_agreement(read_etcd(etcd_clients(params)))
    except RemoteError as error:
        return error


def parted(told: Agreement | RemoteError | None) -> str:
    """Why the members cannot be said to hold the same; nothing where they do, or never tell."""
    if isinstance(told, Agreement):
        return told.contradiction
    return str(told) if told else ""


STAGES = {"plan": plan, "judge": judge_survivor, "verify": verify}


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            "stage": {"type": "str", "choices": list(STAGES), "required": True},
            "cluster": {"type": "str", "required": True},
            "namespace": {"type": "str", "default": "/service/"},
            "patroni_urls": {"type": "list", "elements": "str", "default": []},
            "unseen_urls": {"type": "list", "elements": "str", "default": []},
            "members": {"type": "dict", "default": {}},
            "source": {"type": "str", "choices": ["auto", "survivor", "nothing"], "default": "auto"},
            "survivor": {"type": "str", "default": ""},
            "before": {"type": "dict", "default": {}},
            "config": {"type": "dict", "default": {}},
            "wait_timeout": {"type": "float", "default": 90.0},
        },
        required_by=CONNECTION_REQUIRED_BY,
        required_if=[
            ("stage", "plan", ("patroni_urls", "unseen_urls", "members")),
            ("stage", "judge", ("unseen_urls", "before", "config")),
            ("stage", "verify", ("patroni_urls", "members", "before", "config")),
        ],
        supports_check_mode=True,
    )
    try:
        answer = STAGES[module.params["stage"]](module.params)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()
