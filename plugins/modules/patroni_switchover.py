#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: patroni_switchover
short_description: Hand leadership over without an error for pooled clients
version_added: 0.1.0
author: [The Matriarch authors (@matriarch)]
description:
  - Plans a switchover, looks for everything that would make it long or lossy, and refuses with the reasons and what to
    do about each; or does it, while PgBouncer holds the clients, and returns when the cluster is whole again.
  - Needs an agent (M(matriarch.pgcluster.host_agent)) on each host in O(agents), started just before.
  - How it ended is read from the cluster; Patroni's answer alone decides nothing.
extends_documentation_fragment:
  - matriarch.pgcluster.patroni
  - matriarch.pgcluster.tls
options:
  candidate:
    description: Who shall lead. Without it the fittest standby, a synchronous one where there is one.
    type: str
  agents:
    description: Addresses of the hosts on which an agent waits, by their names; members are named as in Patroni.
    type: dict
    default: {}
  agent_port:
    description: Port of the agents.
    type: int
    default: 8010
  proxies:
    description: Names of the hosts among O(agents) that shall hold clients and be told who leads.
    type: list
    elements: str
    default: []
  hold:
    description: Whether poolers hold their clients meanwhile. Without it clients see their connections break.
    type: bool
    default: true
  hasten:
    description: Whether Patroni's before_stop script is told, which saves Patroni's own second of polling.
    type: bool
    default: true
  follow:
    description: Whether the other standbys are pointed at the new leader at once, rather than when Patroni gets to it.
    type: bool
    default: true
  drain_timeout:
    description: How long transactions may take to end once clients are held, in seconds. Missed, nothing has happened.
    type: float
    default: 2.0
  hold_timeout:
    description: How long clients are held at most for the change itself, in seconds.
    type: float
    default: 5.0
  wait_timeout:
    description: How long to wait for the cluster to be whole again, in seconds.
    type: float
    default: 60.0
  maximum_lag:
    description: Bytes that the candidate may lag behind at the beginning.
    type: int
    default: 16777216
  maximum_transaction_seconds:
    description: How old a transaction on the leader may be at the beginning.
    type: float
    default: 5.0
  maximum_unarchived:
    description: How many WAL segments may wait for the archiver at the beginning.
    type: int
    default: 8
  accept:
    description:
      - Codes of blockers that shall not count, V(all) for every one.
      - The candidate - V(unfit), V(not_synchronous), V(lag), V(pending_restart). The leader - V(long_transaction),
        V(prepared_transaction), V(base_backup), V(logical_replication), V(archiver_backlog). Both - V(silent_member).
        Proxies - V(silent_proxy), V(paused_pooler). Patroni - V(paused).
      - The codes are returned with each blocker in RV(plan).
    type: list
    elements: str
    default: []
  scheduled_at:
    description:
      - When to do it, in ISO 8601 with a time zone. Patroni then does it by itself, and no pooler holds its clients.
    type: str
  cancel_scheduled:
    description: Forget a switchover that is scheduled, and do nothing else.
    type: bool
    default: false
attributes:
  check_mode:
    description: Returns the plan with its blockers.
    support: full
  diff_mode:
    description: Shows who leads before and after.
    support: full
  idempotent:
    description: With a candidate that leads already nothing happens. Without one, each run hands over.
    support: partial
"""

EXAMPLES = r"""
- name: Make db2 the leader
  matriarch.pgcluster.patroni_switchover:
    urls: [https://10.0.0.11:8008, https://10.0.0.12:8008, https://10.0.0.13:8008]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
    candidate: db2
    agents: {db1: 10.0.0.11, db2: 10.0.0.12, db3: 10.0.0.13}
    proxies: [db1, db2, db3]

- name: Hand over tonight, to whoever is fit then
  matriarch.pgcluster.patroni_switchover:
    urls: [https://10.0.0.11:8008]
    scheduled_at: "2026-12-01T03:00:00+01:00"
"""

RETURN = r"""
plan:
  description: Who hands over to whom and why, and the blockers, each with C(code), C(problem) and C(next).
  returned: when a switchover was planned
  type: dict
leader:
  description: Who leads now.
  returned: success
  type: str
phases:
  description: Milliseconds by phase; V(total_pause) is how long clients were held.
  returned: when leadership changed hands
  type: dict
  sample: {drain: 16.2, flush: 4.1, stop: 84.0, promote: 137.0, route: 9.5, follow: 38.8, total_pause: 290.1}
cluster:
  description: The cluster afterwards, as M(matriarch.pgcluster.patroni_cluster_info) returns it.
  returned: success
  type: dict
scheduled:
  description: What is scheduled now, in Patroni's words; null where nothing is.
  returned: with O(scheduled_at) or O(cancel_scheduled)
  type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.arguments import (
    CONNECTION,
    CONNECTION_REQUIRED_BY,
    WAITING,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations import handover, schedule

ARGUMENTS: dict[str, Any] = {
    **CONNECTION,
    **WAITING,
    "candidate": {"type": "str"},
    "agents": {"type": "dict", "default": {}},
    "agent_port": {"type": "int", "default": 8010},
    "proxies": {"type": "list", "elements": "str", "default": []},
    "hold": {"type": "bool", "default": True},
    "hasten": {"type": "bool", "default": True},
    "follow": {"type": "bool", "default": True},
    "drain_timeout": {"type": "float", "default": 2.0},
    "hold_timeout": {"type": "float", "default": 5.0},
    "maximum_lag": {"type": "int", "default": 16 * 1024 * 1024},
    "maximum_transaction_seconds": {"type": "float", "default": 5.0},
    "maximum_unarchived": {"type": "int", "default": 8},
    "accept": {"type": "list", "elements": "str", "default": []},
    "scheduled_at": {"type": "str"},
    "cancel_scheduled": {"type": "bool", "default": False},
}


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_by=CONNECTION_REQUIRED_BY,
        mutually_exclusive=[["scheduled_at", "cancel_scheduled"]],
        supports_check_mode=True,
    )
    way = schedule if module.params["scheduled_at"] or module.params["cancel_scheduled"] else handover
    try:
        answer = way.run(module.params, check=module.check_mode)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    for warning in answer.pop("warnings", []):
        module.warn(warning)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
