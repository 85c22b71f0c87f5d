#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: host_fault
version_added: 0.1.0
short_description: Break something on a host for a while, to see what the cluster makes of it
description:
  - Puts a fault in, sees it act, and undoes it. A timer of the host undoes it as well, should nobody else.
  - Nothing is changed beyond the fault. No data is touched, and SSH stays.
  - It decides nothing. What a cluster survives is for the playbook C(drill) to know.
attributes:
  check_mode:
    description: Can run in check mode and refuse what could not be put in.
    support: full
  diff_mode:
    description: What changes is how things run, so there is nothing to show.
    support: none
  idempotent:
    description: What is in is refused a second time. Undoing twice changes nothing the second time.
    support: partial
options:
  fault:
    description:
      - V(kill_postgres) and V(kill_patroni) kill the process at once. V(freeze_patroni) stops Patroni in its course.
      - V(stop_patroni), V(stop_etcd) and V(stop_proxy) stop the services in order.
      - V(partition) drops all packets from and to the O(peers) but those of SSH; V(cut_etcd) those on the O(ports).
      - V(power_cut) has the kernel restart the host a second later. Nothing is stopped or written before that.
      - Required when O(state=injected).
    type: str
    choices:
      [kill_postgres, kill_patroni, freeze_patroni, stop_patroni, power_cut, partition, cut_etcd, stop_etcd, stop_proxy]
  state:
    description:
      - V(injected) puts it in, and fails unless it can be seen to act.
      - V(healed) undoes whatever is in.
    type: str
    choices: [injected, healed]
    default: injected
  heal_after:
    description: Seconds after which the host undoes it by itself.
    type: float
    default: 60.0
  data_directory:
    description: Where PostgreSQL keeps its data. Required for V(kill_postgres).
    type: path
  peers:
    description: Names or addresses of the hosts that it is parted from. Required for V(partition) and V(cut_etcd).
    type: list
    elements: str
    default: []
  ports:
    description: The ports of TCP that are closed between them. Required for V(cut_etcd).
    type: list
    elements: int
    default: []
  ssh_port:
    description: The port that stays open between all hosts.
    type: int
    default: 22
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Part the host from the others
  matriarch.pgcluster.host_fault:
    fault: partition
    peers: [10.0.0.12, 10.0.0.13]
    heal_after: 60

- name: Undo it
  matriarch.pgcluster.host_fault:
    state: healed
"""

RETURN = r"""
was_in:
  description: The fault that was undone, or null where none was, or none is noted any more since the host has booted.
  returned: when O(state=healed)
  type: str
healed_itself:
  description: Whether the host had undone it already, because nobody else did in time.
  returned: when O(state=healed)
  type: bool
"""

import socket
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fault import host
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.host_fault import Place, means

FAULTS = (
    *("kill_postgres", "kill_patroni", "freeze_patroni", "stop_patroni", "power_cut"),
    *("partition", "cut_etcd", "stop_etcd", "stop_proxy"),
)


def place(params: dict[str, Any]) -> Place:
    """What is there to be broken. Raises MatriarchError."""
    return Place(
        postmaster=host.postmaster(params["data_directory"] or ""),
        patroni=host.patroni(),
        peers=tuple(address for peer in params["peers"] for address in addresses(peer)),
        ports=tuple(params["ports"]),
        ssh_port=params["ssh_port"],
    )


def addresses(peer: str) -> list[str]:
    """All addresses of a name; an address is its own. Raises MatriarchError where there is none."""
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(peer, None, type=socket.SOCK_STREAM)})
    except OSError as error:
        raise MatriarchError(f"{peer!r} has no address: {error}") from error


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Put it in, or undo what is in. Raises MatriarchError."""
    if params["state"] == "healed":
        note, alone = (host.noted(), False) if check_mode else host.heal()
        return {"changed": note is not None, "was_in": note.fault if note else None, "healed_itself": alone}
    made_of = means(params["fault"], place(params))
    host.refuse(made_of)
    if not check_mode:
        host.inject(params["fault"], made_of, params["heal_after"])
    return {"changed": True}


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            "fault": {"type": "str", "choices": list(FAULTS)},
            "state": {"type": "str", "choices": ["injected", "healed"], "default": "injected"},
            "heal_after": {"type": "float", "default": 60.0},
            "data_directory": {"type": "path"},
            "peers": {"type": "list", "elements": "str", "default": []},
            "ports": {"type": "list", "elements": "int", "default": []},
            "ssh_port": {"type": "int", "default": 22},
        },
        required_if=[("state", "injected", ("fault",)), ("fault", "kill_postgres", ("data_directory",))],
        supports_check_mode=True,
    )
    try:
        answer = run(module.params, module.check_mode)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
