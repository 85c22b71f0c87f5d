#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: patroni_cluster_info
version_added: 0.1.0
short_description: Show a Patroni cluster, or wait until it is healthy
description:
  - Returns the members of a Patroni cluster with their roles, states, timelines and lags, and what is wrong with them.
  - Can wait until the cluster has a leader or is healthy. A wait in vain fails with the state of each member.
  - Where no Patroni answers and nothing is waited for, this is a finding too (RV(cluster) is null) and no failure.
extends_documentation_fragment:
  - matriarch.pgcluster.patroni
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
  members:
    description:
      - Names of the members that the cluster shall have. Without it those are judged that it has.
      - A member that is not named here is listed, but not judged.
    type: list
    elements: str
    default: []
  synchronous:
    description: Whether at least one synchronous standby must be connected for the cluster to be healthy.
    type: bool
    default: false
  wait_for:
    description:
      - V(leader) waits until a member leads and its PostgreSQL runs.
      - V(healthy) waits until a member leads and all O(members) run, or stream, on its timeline; with O(synchronous),
        until a synchronous standby is there as well.
    type: str
    choices: [leader, healthy]
  wait_timeout:
    description: How long to wait for that, in seconds. The last round of requests may begin just before.
    type: float
    default: 60.0
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Show the cluster
  matriarch.pgcluster.patroni_cluster_info:
    urls: [https://pg1:8008, https://pg2:8008, https://pg3:8008]
    ca_file: /etc/matriarch/tls/ca.crt
  register: patroni

- name: Wait until every member streams
  matriarch.pgcluster.patroni_cluster_info:
    urls: [https://pg1:8008, https://pg2:8008, https://pg3:8008]
    ca_file: /etc/matriarch/tls/ca.crt
    members: [pg1, pg2, pg3]
    synchronous: true
    wait_for: healthy
    wait_timeout: 120
"""

RETURN = r"""
cluster:
  description: The cluster, or null where no Patroni answered.
  returned: always
  type: dict
  contains:
    name:
      description: Name of the cluster, Patroni's scope. Empty where Patroni is too old to tell.
      type: str
      sample: shop
    leader:
      description: Name of the leading member, or null.
      type: str
      sample: pg1
    timeline:
      description: Timeline of the leader, or null.
      type: int
      sample: 3
    paused:
      description: Whether Patroni is paused.
      type: bool
    members:
      description: The members, by name.
      type: list
      elements: dict
      contains:
        name:
          description: Name of the member.
          type: str
        role:
          description: V(leader), V(standby_leader), V(sync_standby), V(quorum_standby) or V(replica).
          type: str
        state:
          description: V(running), V(streaming), V(starting), V(stopped) and so on, in Patroni's words.
          type: str
        host:
          description: Address of its PostgreSQL, or null.
          type: str
        port:
          description: Port of its PostgreSQL, or null.
          type: int
        api_url:
          description: Address of its Patroni, or null.
          type: str
        timeline:
          description: Its timeline, or null.
          type: int
        lag_bytes:
          description: Bytes behind the leader, or null where unknown, and for the leader.
          type: int
        receive_lag_bytes:
          description: Bytes of WAL that it has not received yet, or null before Patroni 4.1.
          type: int
        replay_lag_bytes:
          description: Bytes of WAL that it has not replayed yet, or null before Patroni 4.1.
          type: int
        pending_restart:
          description: Whether a changed parameter waits for a restart of this member.
          type: bool
        pending_restart_reason:
          description: Those parameters with their old and new values; empty before Patroni 4.0.
          type: dict
        tags:
          description: Its Patroni tags.
          type: dict
healthy:
  description: Whether there are no problems.
  returned: always
  type: bool
problems:
  description: What keeps the cluster from being healthy, in words.
  returned: always
  type: list
  elements: str
  sample: ["pg3 (replica, timeline 2) is starting"]
unexpected:
  description: Members of the cluster that are not among O(members), where that is given.
  returned: always
  type: list
  elements: str
unanswered:
  description: The O(urls) that were asked in vain, with the reason. Those after the first that answered are not asked.
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
    patroni_clients,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import first_answer
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import PatroniClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    NobodyAnswered,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import Outcome, wait_until

GOALS = {"leader": "a member leads", "healthy": "the cluster is healthy"}


@dataclass(frozen=True)
class Observation:
    """What one round of asking found; no cluster where nobody answered."""

    cluster: ClusterState | None
    problems: tuple[str, ...]
    unanswered: dict[str, str]

    def reaches(self, goal: str | None) -> bool:
        """True when this is what was waited for."""
        if goal == "leader":
            leader = self.cluster.leader if self.cluster else None
            return leader is not None and leader.is_up
        return goal is None or not self.problems


def observe(clients: list[PatroniClient], members: list[str], synchronous: bool) -> Observation:
    """Ask once. Nobody answering is an observation, not an error."""
    try:
        first = first_answer(clients, PatroniClient.cluster)
    except NobodyAnswered as error:
        return Observation(None, (str(error),), error.unanswered)
    return Observation(first.answer, first.answer.problems(members, synchronous=synchronous), first.unanswered)


def report(outcome: Outcome[Observation], members: list[str]) -> dict[str, Any]:
    """The module's answer."""
    seen = outcome.last
    known = [m.name for m in seen.cluster.members] if seen.cluster else []
    return {
        "cluster": seen.cluster.facts() if seen.cluster else None,
        "healthy": not seen.problems,
        "problems": list(seen.problems),
        "unexpected": [name for name in known if members and name not in members],
        "unanswered": [{"url": url, "reason": reason} for url, reason in seen.unanswered.items()],
        "waited_seconds": round(outcome.seconds, 1),
    }


def in_vain(outcome: Outcome[Observation], goal: str, answer: dict[str, Any]) -> DeadlineExceeded:
    """The error of a wait that ended without what was waited for: each member's state, and who did not answer."""
    seen = outcome.last
    states = "; ".join(m.described for m in seen.cluster.members) if seen.cluster else ""
    silent = "; ".join(f"{url} did not answer: {reason}" for url, reason in seen.unanswered.items())
    told = [*seen.problems, f"members: {states}" if states else "", silent if seen.cluster else ""]
    return DeadlineExceeded(
        f"waited {outcome.seconds:.0f} s in vain until {GOALS[goal]}: {'; '.join(filter(None, told))}. "
        "Next, on the members named: journalctl -u patroni -n 50",
        **answer,
    )


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Ask, or wait; raises DeadlineExceeded when the wait ends in vain."""
    clients, goal, members = patroni_clients(params), params["wait_for"], params["members"]
    outcome = wait_until(
        lambda: observe(clients, members, params["synchronous"]),
        lambda seen: seen.reaches(goal),
        seconds=params["wait_timeout"],
    )
    answer = report(outcome, members)
    if not outcome.reached:
        raise in_vain(outcome, goal, answer)
    return answer


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            **WAITING,
            "members": {"type": "list", "elements": "str", "default": []},
            "synchronous": {"type": "bool", "default": False},
            "wait_for": {"type": "str", "choices": list(GOALS)},
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
