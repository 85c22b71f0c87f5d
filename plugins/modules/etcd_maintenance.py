#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_maintenance
version_added: 0.1.0
short_description: Compact, defragment and save an etcd, take back its alarms, move its leadership
description:
  - Takes one kind of maintenance step on a running etcd cluster, each only where it is safe, and verifies it.
  - Runs on any host that reaches the members.
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
    support: partial
    details:
      - O(action=snapshot) writes the file each time.
      - O(action=move_leader) without O(member) moves each time, and O(action=compact) without O(revision) forgets what
        was written meanwhile.
options:
  action:
    description:
      - V(compact) forgets the former values of all keys up to O(revision), so that their space can be used again.
      - V(defragment) gives unused space back to the disk, one member after the other, the leader last. As a member
        serves nobody meanwhile, all voters have to be healthy before each. That the database is full is no obstacle.
      - V(disarm) takes the alarms back whose cause is gone, and refuses while it is not.
      - V(snapshot) writes the database of one member to a file on this host. It holds all keys of all clusters.
      - V(move_leader) hands the leadership to O(member), or to the healthy voter whose log reaches furthest.
    type: str
    choices: [compact, defragment, disarm, snapshot, move_leader]
    required: true
  member:
    description:
      - Name of the one member to defragment, to save, or to lead.
      - Without it all are defragmented, and a healthy follower is saved.
    type: str
    default: ""
  least_gain:
    description: Bytes by which a member's database must shrink to be worth a defragmentation.
    type: int
    default: 1048576
  quota:
    description:
      - Bytes at which the members refuse writes, as in their C(quota-backend-bytes).
      - Members that tell it themselves (3.6 and later) are believed more.
    type: int
    default: 2147483648
  revision:
    description: The revision before which O(action=compact) forgets. The present one where it is 0.
    type: int
    default: 0
  path:
    description: The file for O(action=snapshot), in a directory that exists. What lies there is replaced.
    type: path
  wait_timeout:
    description: How long a compaction, the defragmentation of a member, or a pause in a snapshot may take, in seconds.
    type: float
    default: 300.0
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Save the consensus store
  matriarch.pgcluster.etcd_maintenance:
    urls: [https://pg1:2379, https://pg2:2379, https://pg3:2379]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
    action: snapshot
    path: /var/lib/matriarch/etcd-snapshots/before-the-move.db

- name: Make it small again, one member after the other
  matriarch.pgcluster.etcd_maintenance:
    urls: [https://pg1:2379, https://pg2:2379, https://pg3:2379]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
    action: defragment
"""

RETURN = r"""
steps:
  description: The steps that were taken, or would be.
  returned: success
  type: list
  elements: dict
  contains:
    action:
      description: The O(action).
      type: str
    member:
      description: The member that the step is about; null where that is none, or the whole cluster.
      type: str
    reason:
      description: Why the step is taken, or why there.
      type: str
done:
  description: The members that were defragmented before it failed.
  returned: failure, when O(action=defragment)
  type: list
  elements: str
freed_bytes:
  description: By how much the databases shrank, all together.
  returned: success, when O(action=defragment)
  type: int
leader:
  description: The member that leads now, or would.
  returned: success, when O(action=move_leader)
  type: str
snapshot:
  description: The file; null in check mode.
  returned: success, when O(action=snapshot)
  type: dict
  contains:
    path:
      description: Where it lies.
      type: str
    member:
      description: Whose database it is.
      type: str
    size_bytes:
      description: Its size.
      type: int
    sha256:
      description: The digest of the database in it, which etcd sent along and which was compared.
      type: str
"""

from collections.abc import Sequence
from pathlib import Path
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
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd import EtcdMember, EtcdState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd_storage import EtcdStorage
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.etcd_maintenance import (
    Step,
    plan_defragmentation,
    plan_disarming,
    plan_move,
    snapshot_source,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.reading import EtcdReading, read_etcd
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until

SETTLING = 30.0  # seconds until a change must show
COMPACTED = "required revision has been compacted"


def storages_of(reading: EtcdReading) -> dict[int, EtcdStorage]:
    """The databases of the members that answer, by the member's id. One that fell silent meanwhile is left out."""
    found = {}
    for member in reading.state.members:
        if reading.state.of(member).status is None:
            continue
        try:
            found[member.id] = reading.client_of(member).storage()
        except RemoteError:
            continue
    return found


def sizes(state: EtcdState, storages: dict[int, EtcdStorage]) -> dict[str, int]:
    """How large each database is, as the diff shows it."""
    return {m.label: storages[m.id].size_bytes for m in state.members if m.id in storages}


def defragment(clients: list[EtcdClient], params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Defragment the members one after the other; the state of all is read, and judged, before each."""
    names = [params["member"]] if params["member"] else []
    reading = read_etcd(clients)
    before = storages_of(reading)
    planned = plan_defragmentation(reading.state, before, names, (), params["least_gain"])
    if check_mode:
        left = {step.member.id: before[step.member.id].used_bytes for step in planned if step.member}
        after = {m.label: left.get(m.id, before[m.id].size_bytes) for m in reading.state.members if m.id in before}
    else:
        defragment_in_turn(clients, names, params)
        last = read_etcd(clients)
        after = sizes(last.state, storages_of(last))
    was = sizes(reading.state, before)
    freed = sum(was[name] - after[name] for name in was if name in after)
    return report(planned, {"size_bytes": was}, {"size_bytes": after}, freed_bytes=freed)


def defragment_in_turn(clients: list[EtcdClient], names: Sequence[str], params: dict[str, Any]) -> None:
    """Plan anew before each member, so that a leader that changed is last, and none follows one that fell ill."""
    done: dict[int, str] = {}
    try:
        while member := next_to_defragment(clients, names, done, params):
            done[member.id] = member.label
            see_serving(clients, member)
    except MatriarchError as error:
        error.details["done"] = list(done.values())
        raise


def see_serving(clients: list[EtcdClient], member: EtcdMember) -> None:
    """Wait until the member serves again; where it does not, the next plan refuses and says so."""
    wait_until(lambda: read_etcd(clients).state, lambda state: state.is_healthy(member), seconds=SETTLING, interval=0.5)


def next_to_defragment(
    clients: list[EtcdClient], names: Sequence[str], done: dict[int, str], params: dict[str, Any]
) -> EtcdMember | None:
    """Defragment the next member; returns it, or nothing when there is none left."""
    reading = read_etcd(clients)
    steps = plan_defragmentation(reading.state, storages_of(reading), names, done, params["least_gain"])
    if not steps or steps[0].member is None:
        return None
    reading.client_of(steps[0].member).patient(params["wait_timeout"]).defragment()
    return steps[0].member


def compact(clients: list[EtcdClient], params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Compact all members; that it was done before is no failure."""
    reading = read_etcd(clients)
    voter = reading.voter(besides=0)
    now = voter.storage().revision
    revision = params["revision"] or now
    if revision > now:
        raise MatriarchError(f"etcd is at revision {now}: revision {revision} has not been written yet")
    step = Step("compact", f"what was before revision {revision} is not needed any more")
    try:
        if not check_mode:
            voter.patient(params["wait_timeout"]).compact(revision)
    except RemoteError as error:
        if COMPACTED not in str(error):
            raise
        return report((), {}, {})
    return report((step,), {}, {"oldest_revision": revision})


def disarm(clients: list[EtcdClient], params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Take back the alarms whose cause is gone, and see that they are."""
    reading = read_etcd(clients)
    steps = plan_disarming(reading.state, storages_of(reading), params["quota"])
    if steps and reading.state.leader and not check_mode:
        # Not any healthy one: while one is corrupt, all call themselves unhealthy.
        server = reading.client_of(reading.state.leader)
        for step in steps:
            if step.alarm:
                server.disarm(step.alarm)
        if raised := server.alarms():
            raise DeadlineExceeded(
                f"{len(raised)} alarms are raised again: {raised[0].kind}. Run this again to see why"
            )
    alarms = [alarm["alarm"] for alarm in reading.state.facts()["alarms"]]
    return report(steps, {"alarms": alarms}, {"alarms": []})


def move_leader(clients: list[EtcdClient], params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Hand over the leadership, and wait until a majority follows."""
    reading = read_etcd(clients)
    steps, leader = plan_move(reading.state, params["member"]), reading.state.leader
    was = leader.name if leader else ""
    if not steps or not leader or not steps[0].member:
        return report((), {"leader": was}, {"leader": was}, leader=was)
    target = steps[0].member
    if not check_mode:
        reading.client_of(leader).move_leader(target.id)
        outcome = wait_until(
            lambda: read_etcd(clients).state.leader, lambda leads: leads == target, seconds=SETTLING, interval=0.2
        )
        if not outcome.reached:
            leads = outcome.last.name if outcome.last else "nobody"
            raise DeadlineExceeded(
                f"etcd took the request to make {target.name} its leader, but after {outcome.seconds:.0f} s {leads} "
                f"leads. Next: journalctl -u etcd -n 50 on {target.name}",
                leader=outcome.last.name if outcome.last else None,
            )
    return report(steps, {"leader": was}, {"leader": target.name}, leader=target.name)


def snapshot(clients: list[EtcdClient], params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Save one member's database."""
    path = Path(params["path"])
    if not check_mode and not path.parent.is_dir():
        raise MatriarchError(f"{path.parent} is no directory: create it first, mode 0700")
    reading = read_etcd(clients)
    source = snapshot_source(reading.state, params["member"])
    before = {"path": str(path) if path.exists() else None}
    facts = None
    if not check_mode:
        try:
            saved = reading.client_of(source).patient(params["wait_timeout"]).snapshot(path)
        except OSError as error:
            raise MatriarchError(f"{path} could not be written: {error.strerror or error}", path=str(path)) from error
        told = {"size_bytes": saved.size_bytes, "sha256": saved.sha256}
        facts = {"path": str(path), "member": source.name, **told}
    return report((Step("snapshot", f"to {path}", source),), before, {"path": str(path)}, snapshot=facts)


def report(steps: Sequence[Step], before: dict[str, Any], after: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """The module's answer."""
    told = {"changed": bool(steps), "steps": [step.facts() for step in steps]}
    return {**told, "diff": {"before": before, "after": after}, **facts}


ACTIONS = {
    "compact": compact,
    "defragment": defragment,
    "disarm": disarm,
    "snapshot": snapshot,
    "move_leader": move_leader,
}


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            "action": {"type": "str", "choices": list(ACTIONS), "required": True},
            "member": {"type": "str", "default": ""},
            "least_gain": {"type": "int", "default": 1048576},
            "quota": {"type": "int", "default": 2147483648},
            "revision": {"type": "int", "default": 0},
            "path": {"type": "path"},
            "wait_timeout": {"type": "float", "default": 300.0},
        },
        required_by=CONNECTION_REQUIRED_BY,
        required_if=[("action", "snapshot", ("path",))],
        supports_check_mode=True,
    )
    try:
        answer = ACTIONS[module.params["action"]](etcd_clients(module.params), module.params, module.check_mode)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
