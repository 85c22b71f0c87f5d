#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_cluster_info
version_added: 0.1.0
short_description: Show an etcd cluster, or wait until it is healthy
description:
  - Returns the members of an etcd cluster, whether each answers and takes part, the alarms, and what is wrong.
  - Can wait until the cluster is healthy. A wait in vain fails with the state of each member.
  - Where no server answers and nothing is waited for, this is a finding too (RV(etcd) is null) and no failure.
extends_documentation_fragment:
  - matriarch.pgcluster.etcd
  - matriarch.pgcluster.tls
  - matriarch.pgcluster.reads_only
options:
  members:
    description:
      - Names of the members that the cluster shall have. Without it those are judged that it has.
      - A member that is not named here is listed, but not judged.
    type: list
    elements: str
    default: []
  wait_for:
    description: V(healthy) waits until all O(members) are healthy voters with a leader, and no alarm is raised.
    type: str
    choices: [healthy]
  wait_timeout:
    description: How long to wait for that, in seconds. The last round of requests may begin just before.
    type: float
    default: 60.0
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Wait until etcd is healthy
  matriarch.pgcluster.etcd_cluster_info:
    urls: [https://pg1:2379, https://pg2:2379, https://pg3:2379]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
    members: [pg1, pg2, pg3]
    wait_for: healthy
"""

RETURN = r"""
etcd:
  description: The cluster, or null where no server answered.
  returned: always
  type: dict
  contains:
    cluster_id:
      description: Id of the cluster, in hexadecimal as etcdctl prints it.
      type: str
    leader:
      description: Name of the leading member, or null where none leads by majority.
      type: str
    quorum:
      description: How many voting members must run, so that etcd takes writes.
      type: int
    alarms:
      description: The alarms that are raised.
      type: list
      elements: dict
      contains:
        member_id:
          description: Id of the member that raised it, in hexadecimal.
          type: str
        alarm:
          description: V(NOSPACE) or V(CORRUPT).
          type: str
    members:
      description: The registered members, by name.
      type: list
      elements: dict
      contains:
        name:
          description: Name of the member; empty until it has started once.
          type: str
        id:
          description: Id of the member, in hexadecimal.
          type: str
        peer_urls:
          description: Where the other members reach it.
          type: list
          elements: str
        client_urls:
          description: Where clients reach it.
          type: list
          elements: str
        is_learner:
          description: Whether it does not vote yet.
          type: bool
        started:
          description: Whether it has ever started.
          type: bool
        healthy:
          description: Whether it answers, knows a leader and completes a read that needs a majority.
          type: bool
        db_size_bytes:
          description: Size of its database in bytes, or null where it does not answer.
          type: int
        raft_term:
          description: Its raft term, or null where it does not answer.
          type: int
        raft_index:
          description: Its place in the raft log, or null where it does not answer.
          type: int
        version:
          description: Its version of etcd, or null where it does not answer.
          type: str
        error:
          description: Why it is not healthy, or null.
          type: str
healthy:
  description: Whether there are no problems.
  returned: always
  type: bool
problems:
  description: What keeps the cluster from being healthy, in words.
  returned: always
  type: list
  elements: str
  sample: ["pg3 does not answer: [Errno 111] Connection refused"]
unexpected:
  description: Registered members that are not among O(members), where that is given.
  returned: always
  type: list
  elements: str
unanswered:
  description: The O(urls) that gave no answer, with the reason, or that belong to another cluster.
  returned: always
  type: list
  elements: dict
  contains:
    url:
      description: The address.
      type: str
    reason:
      description: Why it gave no answer.
      type: str
waited_seconds:
  description: How long it took until the state was reached.
  returned: always
  type: float
"""

from dataclasses import dataclass
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.arguments import (
    CONNECTION,
    CONNECTION_REQUIRED_BY,
    WAITING,
    etcd_clients,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd import EtcdClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    NobodyAnswered,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd import EtcdState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.reading import read_etcd
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import Outcome, wait_until


@dataclass(frozen=True)
class Observation:
    """What one round of asking found; no state where nobody answered."""

    state: EtcdState | None
    problems: tuple[str, ...]
    unanswered: dict[str, str]


def observe(clients: list[EtcdClient], members: list[str]) -> Observation:
    """Ask once. Nobody answering is an observation, not an error."""
    try:
        state = read_etcd(clients).state
    except NobodyAnswered as error:
        return Observation(None, (str(error),), error.unanswered)
    return Observation(state, state.problems(members), dict(state.unanswered))


def report(outcome: Outcome[Observation], members: list[str]) -> dict[str, Any]:
    """The module's answer."""
    seen = outcome.last
    known = [m.label for m in seen.state.members if m.name not in members] if seen.state else []
    return {
        "etcd": seen.state.facts() if seen.state else None,
        "healthy": not seen.problems,
        "problems": list(seen.problems),
        "unexpected": known if members else [],
        "unanswered": [{"url": url, "reason": reason} for url, reason in seen.unanswered.items()],
        "waited_seconds": round(outcome.seconds, 1),
    }


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Ask, or wait; raises DeadlineExceeded when the wait ends in vain."""
    clients, members = etcd_clients(params), params["members"]
    outcome = wait_until(
        lambda: observe(clients, members),
        lambda seen: params["wait_for"] is None or not seen.problems,
        seconds=params["wait_timeout"],
    )
    answer = report(outcome, members)
    if not outcome.reached:
        raise DeadlineExceeded(
            f"waited {outcome.seconds:.0f} s in vain until etcd is healthy: {'; '.join(outcome.last.problems)}. "
            "Next, on the members named: journalctl -u etcd -n 50",
            **answer,
        )
    return answer


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            **WAITING,
            "members": {"type": "list", "elements": "str", "default": []},
            "wait_for": {"type": "str", "choices": ["healthy"]},
        },
        required_by=CONNECTION_REQUIRED_BY,
        supports_check_mode=True,
    )
    try:
        answer = run(module.params)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()
