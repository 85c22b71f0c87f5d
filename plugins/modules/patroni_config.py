#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: patroni_config
version_added: 0.1.0
short_description: Declare Patroni's dynamic configuration
description:
  - Compares a declared configuration with the one that Patroni keeps in the consensus store, and sends the smallest
    change between them. PostgreSQL parameters live there.
  - What Patroni would ignore, lower in silence or fail over is refused before anything is sent.
  - Never restarts anything. Members that need a restart for a parameter to take effect are reported.
extends_documentation_fragment:
  - matriarch.pgcluster.patroni
  - matriarch.pgcluster.tls
attributes:
  check_mode:
    description: Can run in check mode and predict the change without making it.
    support: full
  diff_mode:
    description: Shows what has changed in diff mode.
    support: full
  idempotent:
    description: Running it twice in a row outside check mode changes nothing the second time.
    support: full
options:
  config:
    description:
      - The declared settings. They are merged into the present ones, nested dictionaries key by key; a null value
        removes a key.
      - Values are compared as PostgreSQL reads them, so V(true) equals V(on), and V(200) equals the text V(200).
    type: dict
    required: true
  purge_parameters:
    description:
      - Whether PostgreSQL parameters that are not declared in C(postgresql.parameters) are removed, so that what is
        declared is what is effective.
      - All other settings that are not declared stay.
    type: bool
    default: false
  wait_timeout:
    description:
      - How long to wait until Patroni shows the new configuration, in seconds.
      - When PostgreSQL parameters changed, as long again until the members say whether they need a restart.
    type: float
    default: 5.0
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Declare timeouts and parameters
  matriarch.pgcluster.patroni_config:
    urls: [https://pg1:8008, https://pg2:8008, https://pg3:8008]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
    purge_parameters: true
    config:
      ttl: 20
      loop_wait: 5
      retry_timeout: 5
      synchronous_mode: quorum
      postgresql:
        use_pg_rewind: true
        parameters:
          max_connections: 200
          shared_buffers: 256MB
  register: patroni_settings

- name: Report who waits for a restart
  ansible.builtin.debug:
    msg: "{{ patroni_settings.pending_restart }}"
"""

RETURN = r"""
config:
  description: The whole dynamic configuration after the change; in check mode, as it would be.
  returned: success
  type: dict
patch:
  description: The change that was sent, or would be. Empty when all was as declared.
  returned: success
  type: dict
  sample: {"ttl": 20, "postgresql": {"parameters": {"work_mem": null}}}
pending_restart:
  description: Names of the members that need a restart before every parameter is in effect.
  returned: success
  type: list
  elements: str
  sample: [pg1, pg2]
problems:
  description: Why the declaration was refused, each reason once.
  returned: when it is refused
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.arguments import (
    CONNECTION,
    CONNECTION_REQUIRED_BY,
    patroni_clients,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import first_answer
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import PatroniClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import DeadlineExceeded, MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.config import ConfigPlan, is_merged, plan_config
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until


def apply(patroni: PatroniClient, plan: ConfigPlan, seconds: float) -> None:
    """Send the change and read it back. Raises DeadlineExceeded when Patroni does not show it in time."""
    patroni.patch_config(plan.patch)
    outcome = wait_until(patroni.config, lambda config: is_merged(plan.patch, config), seconds=seconds, interval=0.5)
    if not outcome.reached:
        raise DeadlineExceeded(
            f"PATCH /config on {patroni.url} was accepted, but {seconds:g} s later GET /config does not show it. "
            "Next: look for somebody else who changes the configuration, and at that member's journal of Patroni",
            patch=plan.patch,
            config=outcome.last,
        )


def pending_restart(patroni: PatroniClient, seconds: float) -> list[str]:
    """The members that need a restart; waits until all that run say so, or the time is over."""

    def all_told(cluster: ClusterState) -> bool:
        return all(m.pending_restart for m in cluster.members if m.is_up)

    outcome = wait_until(patroni.cluster, all_told, seconds=seconds, interval=0.5)
    return [m.name for m in outcome.last.members if m.pending_restart]


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Read, plan, apply unless in check mode, verify, report."""
    found = first_answer(patroni_clients(params), PatroniClient.config)
    patroni = found.client
    plan = plan_config(
        params["config"],
        found.answer,
        purge_parameters=params["purge_parameters"],
        patroni_version=patroni.version(),
    )
    acting = bool(plan.patch) and not check_mode
    if acting:
        apply(patroni, plan, params["wait_timeout"])
    return {
        "changed": bool(plan.patch),
        "config": plan.after,
        "patch": plan.patch,
        "pending_restart": pending_restart(
            patroni, params["wait_timeout"] if acting and plan.changes_parameters else 0
        ),
        "diff": {
            "before": plan.before,
            "after": plan.after,
            "before_header": "dynamic configuration of the cluster",
            "after_header": "dynamic configuration as declared",
        },
    }


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            "config": {"type": "dict", "required": True},
            "purge_parameters": {"type": "bool", "default": False},
            "wait_timeout": {"type": "float", "default": 5.0},
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
