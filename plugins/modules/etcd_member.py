#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_member
version_added: 0.1.0
short_description: Add, replace, promote or remove a member of a running etcd cluster
description:
  - Brings the membership of one etcd member to the wished state, one safe step after the other.
  - Refuses, with the reason, every step that would leave the running members without a majority, and every second
    member that is registered but not started.
  - Runs on any host that reaches the cluster, and does not touch the member's own host. To add a member, run it,
    start etcd there with the returned RV(initial_cluster), and run it again. The second run makes a learner a voter.
extends_documentation_fragment:
  - matriarch.pgcluster.etcd
  - matriarch.pgcluster.tls
attributes:
  check_mode:
    description: Can run in check mode and predict the steps without taking them.
    support: full
  diff_mode:
    description: Shows what has changed in diff mode.
    support: full
  idempotent:
    description: Running it twice in a row outside check mode changes nothing the second time.
    support: full
options:
  name:
    description: Name of the member, as in its own C(--name).
    type: str
    required: true
  peer_urls:
    description:
      - Where the other members reach it, like V(https://etcd4:2380), as in its C(--initial-advertise-peer-urls).
      - Required when O(state=present). When O(state=absent), finds a member that never started and so has no name.
    type: list
    elements: str
    default: []
  state:
    description: Whether it shall be a member.
    type: str
    choices: [present, absent]
    default: present
  wiped:
    description:
      - Says that the member's data directory is empty. If it is registered as started, it is then removed and added
        as a new member, for under its old id it could vote twice.
      - Refused while the member answers.
    type: bool
    default: false
  learner:
    description:
      - Whether a new member is added as a learner, which cannot cost the cluster its majority. It votes once this
        module runs again after it started.
      - With V(false) it is added as a voter at once.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to try again, in seconds, while etcd says that it is not ready for a step, as right after another
        change or until a learner has caught up.
    type: float
    default: 30.0
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Register the new member
  matriarch.pgcluster.etcd_member:
    urls: [https://etcd1:2379, https://etcd2:2379, https://etcd3:2379]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
    name: etcd4
    peer_urls: [https://etcd4:2380]
  register: etcd_membership

- name: Remove a member
  matriarch.pgcluster.etcd_member:
    urls: [https://etcd1:2379, https://etcd2:2379]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
    name: etcd3
    state: absent
"""

RETURN = r"""
id:
  description: Id of the member, in hexadecimal as etcdctl prints it; null where it has none (yet).
  returned: success
  type: str
  sample: 8e9e05c52164694d
initial_cluster:
  description: Value for the member's C(initial-cluster); empty when O(state=absent).
  returned: success
  type: str
  sample: etcd1=https://etcd1:2380,etcd2=https://etcd2:2380
initial_cluster_state:
  description: Value for the member's C(initial-cluster-state), always V(existing).
  returned: success
  type: str
  sample: existing
steps:
  description: The steps that were taken, or would be.
  returned: success
  type: list
  elements: dict
  contains:
    action:
      description: V(add), V(add_learner), V(remove), V(promote) or V(update).
      type: str
    name:
      description: The member.
      type: str
    peer_urls:
      description: Its addresses.
      type: list
      elements: str
    reason:
      description: Why the step is taken.
      type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.arguments import (
    CONNECTION,
    CONNECTION_REQUIRED_BY,
    etcd_clients,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd import EtcdClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd import EtcdMember, EtcdState, hex_id
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.membership import (
    NOT_YET_KNOWN,
    Step,
    Wish,
    find,
    initial_cluster,
    is_silent_learner,
    plan_membership,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.reading import read_etcd
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until

# What etcd (3.4 to 3.6) answers when the same request may succeed a little later.
NOT_NOW = ("unhealthy cluster", "in sync with leader", "leader changed", "no leader", "request timed out")


def take(etcd: EtcdClient, step: Step) -> None:
    """One step, one request."""
    if step.action == "remove":
        etcd.remove_member(step.member_id)
    elif step.action == "promote":
        etcd.promote_member(step.member_id)
    elif step.action == "update":
        etcd.update_member(step.member_id, step.peer_urls)
    else:
        etcd.add_member(step.peer_urls, as_learner=step.action == "add_learner")


def is_for_later(error: MatriarchError) -> bool:
    """True when etcd refused only for now."""
    return isinstance(error, RemoteError) and any(words in str(error) for words in NOT_NOW)


def advance(clients: list[EtcdClient], wish: Wish) -> str:
    """Read, plan, and take the first step; returns what was done, or nothing when all is as wished."""
    reading = read_etcd(clients)
    steps = plan_membership(reading.state, wish).steps
    if not steps:
        return ""
    take(reading.voter(besides=steps[0].member_id), steps[0])
    return f"{steps[0].action} {steps[0].name} was accepted, but does not show yet"


def converge(clients: list[EtcdClient], wish: Wish, seconds: float) -> None:
    """Advance until a new reading leaves nothing to do. Raises DeadlineExceeded with what is left.

    Planning anew before every step meets the step that etcd put off as well as the one whose answer was lost. Once the
    first step is taken the others must follow, so that then no refusal ends this before the time is over.
    """
    begun = False

    def attempt() -> str:
        nonlocal begun
        try:
            left = advance(clients, wish)
        except MatriarchError as error:
            if not begun and not is_for_later(error):
                raise
            return str(error)
        begun = True
        return left

    outcome = wait_until(attempt, lambda left: not left, seconds=seconds, interval=0.5)
    if not outcome.reached:
        raise DeadlineExceeded(
            f"{wish.name} is not as wished after {outcome.seconds:.0f} s: {outcome.last}. Next: run this again, "
            "which goes on from where it stopped; if the reason stays, look at etcd's journal on its leader",
            member=wish.name,
        )


def read_settled(clients: list[EtcdClient], wish: Wish, seconds: float) -> EtcdState:
    """The state of the cluster, once a learner that has just started serves; a wiped one is not waited for."""

    def settled(state: EtcdState) -> bool:
        return wish.wiped or not is_silent_learner(state, wish)

    return wait_until(lambda: read_etcd(clients).state, settled, seconds=seconds, interval=0.5).last


def member_facts(members: tuple[EtcdMember, ...]) -> list[dict[str, Any]]:
    """The membership as the diff shows it."""
    return [{"name": m.name, "peer_urls": list(m.peer_urls), "votes": not m.is_learner} for m in members]


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Read, plan, apply unless in check mode, verify by reading again, report."""
    wish = wish_of(params)
    clients = etcd_clients(params)
    before = read_settled(clients, wish, 0 if check_mode else params["wait_timeout"])
    plan = plan_membership(before, wish)
    after = plan.after
    if plan.steps and not check_mode:
        converge(clients, wish, params["wait_timeout"])
        after = read_etcd(clients).state.members
    member = find(after, wish)
    return {
        "changed": bool(plan.steps),
        "id": hex_id(member.id) if member and member.id != NOT_YET_KNOWN else None,
        "initial_cluster": initial_cluster(after, wish) if wish.present else "",
        "initial_cluster_state": "existing",
        "steps": [step.facts() for step in plan.steps],
        "diff": {"before": member_facts(before.members), "after": member_facts(after)},
    }


def wish_of(params: dict[str, Any]) -> Wish:
    """The module's arguments as a wish."""
    return Wish(
        name=params["name"],
        peer_urls=tuple(url.rstrip("/") for url in params["peer_urls"]),
        present=params["state"] == "present",
        wiped=params["wiped"],
        as_learner=params["learner"],
    )


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            "name": {"type": "str", "required": True},
            "peer_urls": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "wiped": {"type": "bool", "default": False},
            "learner": {"type": "bool", "default": True},
            "wait_timeout": {"type": "float", "default": 30.0},
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
