#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: host_lock
version_added: 0.1.0
short_description: Let one operation at a time change what lies on a host, without etcd
description:
  - Takes, renews or gives back a lock that lies in a file of the host, for an operation on a cluster whose etcd is
    lost. Everything else uses M(matriarch.pgcluster.operation_lock).
  - While another run has it, taking it fails with who that is, what it does, since when, and when it ends by itself.
    A run on the same control node whose process is dead is not waited for. A boot of the host ends it too.
  - Who holds the lock is found out on the control node.
attributes:
  check_mode:
    description: Can run in check mode and tell whether the lock could be taken, as RV(available).
    support: full
  diff_mode:
    description: Shows what has changed in diff mode.
    support: full
  idempotent:
    description: Running it twice in a row outside check mode changes nothing the second time.
    support: full
options:
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  state:
    description:
      - V(held) takes the lock, or renews it when this run has it.
      - V(released) gives it back. That it is gone already is no failure.
    type: str
    choices: [held, released]
    default: held
  operation:
    description: What is done, like V(rebuild_etcd).
    type: str
    required: true
  ttl:
    description: How long the lock outlives a run that does not renew it, in seconds. At least 10.
    type: int
    default: 900
  force:
    description: Take the lock even if another run has it. Only when that run is surely dead.
    type: bool
    default: false
  holder:
    description: Which run this is. Found out on the control node where it is not given.
    type: dict
    required: true
    suboptions:
      who:
        description: The user.
        type: str
        required: true
      host:
        description: The control node.
        type: str
        required: true
      pid:
        description: The process.
        type: int
        required: true
      started:
        description: When the process started, in clock ticks since the boot; 0 where the control node does not tell.
        type: int
        default: 0
      boot_id:
        description: The boot; empty where the control node does not tell.
        type: str
        default: ""
      namespace:
        description: The namespace of the process id; empty where the control node does not tell.
        type: str
        default: ""
  takeover_revision:
    description: The C(revision) of a lock whose holder is known to be dead. Set by the control node.
    type: int
    default: 0
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Let nobody else rebuild it meanwhile
  matriarch.pgcluster.host_lock:
    cluster: main
    operation: rebuild_etcd

- name: Let others at it again
  matriarch.pgcluster.host_lock:
    cluster: main
    operation: rebuild_etcd
    state: released
"""

RETURN = r"""
lock:
  description: The lock as M(matriarch.pgcluster.operation_lock) returns it; null where nobody holds it.
  returned: success, where the lock could be had
  type: dict
available:
  description: Whether this run has the lock, or in check mode would get it.
  returned: when O(state=held)
  type: bool
reason:
  description: Why it would not get the lock, empty where it would.
  returned: when O(state=held)
  type: str
held_by:
  description: The RV(lock) of the run that has it instead, or null.
  returned: when O(state=held), also on failure
  type: dict
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.lock_file import LockFile
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.operation import Holder, Keys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operation_store import HOLDER, SHORTEST_TTL, utc_now
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.operation import (
    HeldByAnother,
    HoldWish,
    ReleaseWish,
    plan_hold,
    plan_release,
)

LOCKS = Path("/run/matriarch/locks")


def held(file: LockFile, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Take or renew the lock. Raises HeldByAnother while another run has it; check mode only tells."""
    before = file.read()
    wish = HoldWish(
        operation=params["operation"],
        holder=Holder.from_json(params["holder"]),
        now=utc_now(),
        key="",
        ttl=params["ttl"],
        keep=1,
        force=params["force"],
        takeover_revision=params["takeover_revision"],
    )
    try:
        plan = plan_hold(before, wish, Keys(params["cluster"]))
    except HeldByAnother as refusal:
        if not check_mode:
            raise
        return {"changed": False, "available": False, "reason": str(refusal), "held_by": refusal.details["held_by"]}
    if not check_mode:
        file.write(plan.lock)
    after = {"lease_seconds_left": plan.lock.ttl, "revision": before.revision, **plan.lock.facts()}
    return {
        "changed": not plan.renews,
        "available": True,
        "reason": "",
        "held_by": None,
        "lock": after if check_mode else file.read().lock_facts(),
        "diff": {"before": before.lock.facts() if before.lock else {}, "after": plan.lock.facts()},
    }


def released(file: LockFile, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Give the lock back if it is this run's own."""
    before = file.read()
    wish = ReleaseWish(params["operation"], Holder.from_json(params["holder"]), utc_now(), "succeeded")
    frees = plan_release(before, wish).frees
    if frees and not check_mode:
        file.remove()
    told = before.lock.facts() if before.lock else {}
    return {
        "changed": frees,
        "lock": None if frees else before.lock_facts(),
        "diff": {"before": told, "after": {} if frees else told},
    }


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do what `state` says. Raises MatriarchError."""
    if params["ttl"] < SHORTEST_TTL:
        raise MatriarchError(f"'ttl' is {params['ttl']}: it must be at least {SHORTEST_TTL} seconds")
    file = LockFile(LOCKS / f"{quote(params['cluster'], safe='')}.json")
    try:
        with file.alone():
            return (held if params["state"] == "held" else released)(file, params, check_mode)
    except OSError as error:
        raise MatriarchError(f"keeping a lock in {LOCKS}: {error}") from error


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            "cluster": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["held", "released"], "default": "held"},
            "operation": {"type": "str", "required": True},
            "ttl": {"type": "int", "default": 900},
            "force": {"type": "bool", "default": False},
            "holder": {"type": "dict", "options": HOLDER, "required": True},
            "takeover_revision": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    try:
        answer = run(module.params, module.check_mode)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
