#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: patroni_scope
version_added: 0.1.0
short_description: Have etcd forget a Patroni cluster
description:
  - Deletes all keys that Patroni keeps of a cluster, in one step, so that the next Patroni begins a new one.
  - Refused while somebody leads. No data is touched.
extends_documentation_fragment:
  - matriarch.pgcluster.etcd
  - matriarch.pgcluster.tls
attributes:
  check_mode:
    description: Can run in check mode and return what it would delete.
    support: full
  diff_mode:
    description: Shows what has changed in diff mode.
    support: none
  idempotent:
    description: Running it twice in a row outside check mode changes nothing the second time.
    support: full
options:
  cluster:
    description: Name of the cluster, Patroni's scope.
    type: str
    required: true
  namespace:
    description: Patroni's C(namespace), the directory of etcd below which clusters are kept.
    type: str
    default: /service/
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Have etcd forget the cluster
  matriarch.pgcluster.patroni_scope:
    cluster: shop
    urls: [https://pg1:2379, https://pg2:2379, https://pg3:2379]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
"""

RETURN = r"""
forgotten:
  description: The keys that are deleted, without their directory.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.arguments import (
    CONNECTION,
    CONNECTION_REQUIRED_BY,
    connections,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import Delete, EtcdKeys, Unchanged
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operation_store import Store

MOST_KEYS = 100  # of one transaction; Patroni has a dozen, and one for each member


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Read, refuse or delete unless in check mode, report."""
    store = Store([EtcdKeys(http) for http in connections(params)])
    directory = f"/{params['namespace'].strip('/')}/{params['cluster']}/"
    names = [kv.key for kv in store.ask(lambda etcd: etcd.last_below(directory, MOST_KEYS))]
    leader = f"{directory}leader"
    if leader in names:
        raise Refused("somebody leads, or led until a moment ago. Next: stop Patroni everywhere, then run this again")
    deletes = [Delete(name) for name in sorted(names)]
    if deletes and not check_mode and not store.ask(lambda etcd: etcd.transact([Unchanged(leader, 0)], deletes)):
        raise MatriarchError("somebody has begun to lead meanwhile: nothing was deleted")
    return {"changed": bool(deletes), "forgotten": [name.removeprefix(directory) for name in sorted(names)]}


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            "cluster": {"type": "str", "required": True},
            "namespace": {"type": "str", "default": "/service/"},
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
