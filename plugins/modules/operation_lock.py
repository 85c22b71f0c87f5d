#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: operation_lock
version_added: 0.1.0
short_description: Let one operation at a time change a cluster, and keep a journal of them
description:
  - Takes, renews, gives back or shows the lock of a cluster. It lies in etcd under a lease, so that it ends by itself
    when the run that holds it dies.
  - While another run has it, taking it fails with who that is, what it does, since when, and how long its lease lives.
    A run on the same control node whose process is dead is not waited for.
  - Each operation has an entry in a journal, which outlives the lock. So a later run learns of an operation that was
    interrupted, and one of the same name goes on under its entry.
  - Runs on any host that reaches etcd. Who holds the lock is found out on the control node.
extends_documentation_fragment:
  - matriarch.pgcluster.etcd
  - matriarch.pgcluster.tls
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
      - V(released) gives it back and closes the journal entry. That it is gone already is no failure.
      - V(shown) only tells.
    type: str
    choices: [held, released, shown]
    default: held
  operation:
    description:
      - What is done, like V(switchover). Required unless O(state=shown).
      - An operation inside another one of the same run shares the outer one's lock, and does not give it back.
    type: str
  ttl:
    description: How long the lock outlives a run that does not renew it, in seconds. At least 10.
    type: int
    default: 120
  force:
    description: Take the lock even if another run has it. Only when that run is surely dead.
    type: bool
    default: false
  journal:
    description: What to note in the journal entry, by name, like the steps. A later note replaces one of its name.
    type: dict
    default: {}
  outcome:
    description: How the operation ended. Required when O(state=released).
    type: str
    choices: [succeeded, failed, refused]
  keep:
    description: How many entries the journal keeps, and how many are returned.
    type: int
    default: 100
  holder:
    description: Which run this is. Found out on the control node where it is not given.
    type: dict
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
- name: Begin
  matriarch.pgcluster.operation_lock:
    urls: [https://pg1:2379, https://pg2:2379, https://pg3:2379]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
    cluster: main
    operation: switchover
    journal: {candidate: pg2}

- name: End
  matriarch.pgcluster.operation_lock:
    urls: [https://pg1:2379, https://pg2:2379, https://pg3:2379]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
    cluster: main
    operation: switchover
    state: released
    outcome: succeeded
"""

RETURN = r"""
lock:
  description: The lock, as it is now or in check mode would be; null where nobody holds it.
  returned: success, where the lock could be had
  type: dict
  contains:
    operation:
      description: What is done; null where what lies in etcd cannot be read.
      type: str
    holder:
      description: Which run holds it, with C(who), C(host), C(pid), C(started), C(boot_id) and C(namespace).
      type: dict
    begun_at:
      description: Since when, in UTC.
      type: str
    ttl:
      description: For how long its lease is granted each time, in seconds.
      type: int
    lease_seconds_left:
      description: How long the lease still lives, in seconds; 0 also where it has none and so never ends.
      type: int
    revision:
      description: etcd's revision at which it was written; 0 in check mode for one that would be taken.
      type: int
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
entry:
  description: The journal entry of this operation, or of the one that it is part of.
  returned: when O(state=held) and RV(available)
  type: dict
  contains: &entry
    operation:
      description: What was done.
      type: str
    holder:
      description: Which run did it.
      type: dict
    begun_at:
      description: When it began, in UTC.
      type: str
    notes:
      description: What was noted.
      type: dict
    outcome:
      description:
        - V(succeeded), V(failed) or V(refused); V(interrupted) where its run died and a later operation succeeded;
          empty until it has one.
      type: str
    finished_at:
      description: When it ended, in UTC; empty until it has.
      type: str
renewed:
  description: Whether this run had the lock before.
  returned: when O(state=held) and RV(available)
  type: bool
nested:
  description: Whether the lock belongs to another operation of this run, which this one is part of.
  returned: when O(state=held) and RV(available)
  type: bool
continues:
  description: Whether this operation goes on under the entry of RV(interrupted), with its begin and its notes.
  returned: when O(state=held) and RV(available)
  type: bool
taken_over_from:
  description: The run whose lock was taken over, or null.
  returned: when O(state=held) and RV(available)
  type: dict
interrupted:
  description: The newest operation without an outcome whose lock is gone, or null.
  returned: when O(state=shown), and when O(state=held) and RV(available)
  type: dict
  contains: *entry
was_held:
  description: Whether this run still had the lock; V(false) also for the inner one of two operations.
  returned: when O(state=released)
  type: bool
journal:
  description: The newest entries, the newest first.
  returned: when O(state=shown)
  type: list
  elements: dict
  contains: *entry
problems:
  description: What lies in etcd and is no lock or journal entry.
  returned: success
  type: list
  elements: str
"""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.arguments import (
    CONNECTION,
    CONNECTION_REQUIRED_BY,
    connections,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, NobodyAnswered
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.operation import (
    JOURNAL_KEEPS,
    LARGEST_NOTES,
    Holder,
    Keys,
    OperationState,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operation_store import (
    HOLDER,
    SHORTEST_TTL,
    Store,
    hold,
    read_operation,
    release,
    utc_now,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.operation import (
    HeldByAnother,
    Hold,
    HoldWish,
    Release,
    ReleaseWish,
)


def held(store: Store, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Take or renew the lock. Raises HeldByAnother while another run has it; check mode only tells."""
    keys = Keys(params["cluster"])
    try:
        before, plan = hold(store, keys, hold_wish(params), dry=check_mode)
    except HeldByAnother as refusal:
        if not check_mode:
            raise
        held_by = refusal.details["held_by"]
        return {"changed": False, "available": False, "reason": str(refusal), "problems": [], "held_by": held_by}
    return held_facts(before, plan, before if check_mode else read_operation(store, keys, 1))


def released(store: Store, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Give the lock back and close the entry, as far as they are this run's own."""
    return released_facts(
        *release(store, Keys(params["cluster"]), release_wish(params), params["keep"], dry=check_mode)
    )


def held_facts(before: OperationState, plan: Hold, after: OperationState) -> dict[str, Any]:
    """What the module answers once it has the lock, or in check mode would have."""
    lock = {"lease_seconds_left": plan.lock.ttl, "revision": plan.replaces, **plan.lock.facts()}
    return {
        "changed": not plan.renews or plan.notes_are_new,
        "available": True,
        "reason": "",
        "held_by": None,
        "lock": after.lock_facts() if after.lock == plan.lock else lock,
        "entry": plan.entry.facts(),
        "renewed": before.lock is not None and before.lock.holder == plan.lock.holder,
        "nested": plan.nested,
        "continues": plan.continues,
        "taken_over_from": plan.taken_over_from.facts() if plan.taken_over_from else None,
        "interrupted": plan.interrupted.facts() if plan.interrupted else None,
        "problems": list(before.problems),
        "diff": {
            "before": told(before, [entry for entry in before.journal if entry.key == plan.entry.key]),
            "after": {"lock": plan.lock.facts(), "journal": [plan.entry.facts()]},
        },
    }


def released_facts(before: OperationState, plan: Release) -> dict[str, Any]:
    """What the module answers once the run has no lock any more."""
    closed = {entry.key for entry in plan.closes}
    after = {"lock": None} if plan.frees else {"lock": before.lock.facts() if before.lock else None}
    return {
        "changed": plan.frees or bool(plan.closes),
        "lock": None if plan.frees else before.lock_facts(),
        "was_held": plan.frees,
        "problems": list(before.problems),
        "diff": {
            "before": told(before, [entry for entry in before.journal if entry.key in closed]),
            "after": {**after, "journal": [entry.facts() for entry in plan.closes]},
        },
    }


def told(state: OperationState, entries: list[Any]) -> dict[str, Any]:
    """The lock and some entries, as the diff shows them."""
    lock = state.lock.facts() if state.lock else None
    return {"lock": lock, "journal": [entry.facts() for entry in entries]}


def info(store: Store, params: dict[str, Any]) -> dict[str, Any]:
    """The lock and the journal as they are."""
    state = read_operation(store, Keys(params["cluster"]), params["keep"])
    return {
        "changed": False,
        "lock": state.lock_facts(),
        "journal": [entry.facts() for entry in state.journal],
        "interrupted": state.interrupted.facts() if state.interrupted else None,
        "problems": list(state.problems),
    }


def hold_wish(params: dict[str, Any]) -> HoldWish:
    """The module's arguments as a wish."""
    now = utc_now()
    return HoldWish(
        operation=params["operation"],
        holder=Holder.from_json(params["holder"]),
        now=now,
        key=f"{Keys(params['cluster']).journal}{now}-{uuid.uuid4().hex[:8]}",
        ttl=params["ttl"],
        keep=params["keep"],
        notes=params["journal"],
        force=params["force"],
        takeover_revision=params["takeover_revision"],
    )


def release_wish(params: dict[str, Any]) -> ReleaseWish:
    """The module's arguments as a wish."""
    holder = Holder.from_json(params["holder"])
    return ReleaseWish(params["operation"], holder, utc_now(), params["outcome"], params["journal"])


def check(params: Mapping[str, Any]) -> None:
    """What an argument spec cannot say. Raises MatriarchError."""
    needed = ["cluster"] if params["state"] == "shown" else ["cluster", "operation", "holder"]
    for name in needed:
        if not params[name]:
            raise MatriarchError(f"'{name}' is empty: the lock needs one")
    if params["ttl"] < SHORTEST_TTL:
        raise MatriarchError(f"'ttl' is {params['ttl']}: it must be at least {SHORTEST_TTL} seconds")
    if params["keep"] < 1:
        raise MatriarchError(f"'keep' is {params['keep']}: it must be at least 1")
    size = len(json.dumps(params["journal"]))
    if size > LARGEST_NOTES:
        raise MatriarchError(f"'journal' takes {size} bytes, and {LARGEST_NOTES} are the most: note less")


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do what `state` says. Raises MatriarchError."""
    check(params)
    store = Store(EtcdKeys(http) for http in connections(params))
    try:
        if params["state"] == "shown":
            return info(store, params)
        return (held if params["state"] == "held" else released)(store, params, check_mode)
    except NobodyAnswered as error:
        advice = "The lock lies in etcd. Next: bring a majority of its members back (journalctl -u etcd -n 50)"
        raise MatriarchError(f"{error}. {advice}", **error.details) from error


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            "cluster": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["held", "released", "shown"], "default": "held"},
            "operation": {"type": "str"},
            "ttl": {"type": "int", "default": 120},
            "force": {"type": "bool", "default": False},
            "journal": {"type": "dict", "default": {}},
            "outcome": {"type": "str", "choices": ["succeeded", "failed", "refused"]},
            "keep": {"type": "int", "default": JOURNAL_KEEPS},
            "holder": {"type": "dict", "options": HOLDER},
            "takeover_revision": {"type": "int", "default": 0},
        },
        required_by=CONNECTION_REQUIRED_BY,
        required_if=[
            ("state", "held", ("operation", "holder")),
            ("state", "released", ("operation", "holder", "outcome")),
        ],
        supports_check_mode=True,
    )
    try:
        answer = run(module.params, module.check_mode)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
