#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: patroni_member
version_added: 0.1.0
short_description: Restart, reload or clone anew one member of a Patroni cluster, or wait until it does its part
description:
  - Asks Patroni to act on one member, and then looks at the member and the cluster until it is seen to be done.
    Patroni's own answer decides nothing.
  - Refuses to restart the leader unless that is allowed, and to throw away data that others still need.
  - With O(agents) the poolers hold their clients while the leader restarts. That needs an agent
    (M(matriarch.pgcluster.host_agent)) on each of these hosts, started just before.
  - Restarts this one member at once. Whether others can spare it is for the caller to say.
extends_documentation_fragment:
  - matriarch.pgcluster.patroni
  - matriarch.pgcluster.tls
attributes:
  check_mode:
    description: Can run in check mode and return the action without taking it. Waits for nothing then.
    support: full
  diff_mode:
    description: Shows what has changed in diff mode.
    support: full
  idempotent:
    description: Running it twice in a row outside check mode changes nothing the second time.
    support: partial
    details:
      - Each run restarts without O(only_pending), and acts again with O(state=reloaded) or O(state=reinitialized).
options:
  name:
    description: Name of the member.
    type: str
    required: true
  state:
    description:
      - V(running) waits until its PostgreSQL runs.
      - V(streaming) waits until it streams on the leader's timeline. The leader itself must take writes.
      - V(restarted) restarts its PostgreSQL, and waits until it has a new start time and is V(streaming) again.
      - V(reloaded) has its Patroni read its own configuration again.
      - V(reinitialized) throws its data away and clones it anew from another member.
    type: str
    choices: [running, streaming, restarted, reloaded, reinitialized]
    required: true
  only_pending:
    description:
      - Whether O(state=restarted) restarts only if a changed parameter waits for it.
      - If it still waits after the restart, the module fails. A lowered parameter takes effect on the leader first.
    type: bool
    default: true
  allow_leader:
    description: Whether O(state=restarted) may restart the leader. Nobody can write meanwhile.
    type: bool
    default: false
  writes_may_wait:
    description:
      - Whether O(state=restarted) may restart the only standby that commits can wait for. Where they wait for one
        whatever happens, nobody can write meanwhile.
    type: bool
    default: false
  allow_reinitialize:
    description:
      - Whether a replica that does not come back within O(wait_timeout), though it answers, is cloned anew. That is
        one whose PostgreSQL is down, does not stream, or stays on an old timeline.
    type: bool
    default: false
  start_timeout:
    description:
      - After how many seconds a restarted PostgreSQL that is not up counts as failed, in Patroni's eyes. A leader then
        gives its leadership up. Without it Patroni's C(primary_start_timeout) counts.
    type: int
  agents:
    description:
      - Addresses of the hosts on which an agent waits, by their names; the member is named as in Patroni.
      - Used when the leader restarts. Without them clients see their connections break then.
    type: dict
    default: {}
  agent_port:
    description: Port of the agents.
    type: int
    default: 8010
  proxies:
    description: Names of the hosts among O(agents) that shall hold clients while the leader restarts.
    type: list
    elements: str
    default: []
  drain_timeout:
    description: How long transactions may take to end once clients are held, in seconds. Missed, nothing has happened.
    type: float
    default: 2.0
  hold_timeout:
    description: How long clients are held at most while the leader restarts, in seconds.
    type: float
    default: 20.0
  wait_timeout:
    description: How long it may take until the member is as wished, in seconds.
    type: float
    default: 300.0
  clone_timeout:
    description: How long it may take to clone it anew, in seconds.
    type: float
    default: 3600.0
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Restart a replica if a parameter waits for it
  matriarch.pgcluster.patroni_member:
    urls: [https://pg1:8008, https://pg2:8008, https://pg3:8008]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
    name: pg2
    state: restarted

- name: Wait until a repaired host streams again, and clone it anew if it cannot
  matriarch.pgcluster.patroni_member:
    urls: [https://pg1:8008, https://pg2:8008, https://pg3:8008]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
    name: pg3
    state: streaming
    wait_timeout: 120
    allow_reinitialize: true
"""

RETURN = r"""
actions:
  description: What Patroni was asked to do, or would be, in that order. Of V(restart), V(reload), V(reinitialize).
  returned: always, except for a failure before the member was looked at
  type: list
  elements: str
  sample: [restart]
said:
  description: What Patroni answered to the last of them; empty where it was not asked.
  returned: always, except for a failure before the member was looked at
  type: str
  sample: restarted successfully
before:
  description: The member as it was, in its own words; null where it did not answer.
  returned: always, except for a failure before the member was looked at
  type: dict
  contains:
    state:
      description: State of its PostgreSQL in Patroni's words.
      type: str
    role:
      description: V(primary), V(replica) or V(standby_leader), or what Patroni says of one that is down.
      type: str
    replication_state:
      description: V(streaming), V(in archive recovery), or empty.
      type: str
    timeline:
      description: Its timeline, or null.
      type: int
    lsn:
      description: How far its log reaches, or null.
      type: str
    postmaster_started:
      description: Since when its PostgreSQL runs, or empty.
      type: str
    pending_restart:
      description: Whether a changed parameter waits for a restart.
      type: bool
    pending_restart_reason:
      description: Those parameters with their old and new values; empty before Patroni 4.0.
      type: dict
    server_version:
      description: Version of its PostgreSQL as a number, like 170004 for 17.4, or null.
      type: int
    patroni_version:
      description: Version of its Patroni.
      type: str
    paused:
      description: Whether it knows that Patroni is paused.
      type: bool
after:
  description: The member as it is now, as RV(before).
  returned: always, except for a failure before the member was looked at
  type: dict
phases:
  description:
    - Milliseconds by phase of a leader's restart while clients were held; V(total_pause) is how long they were.
    - Empty for anything else.
  returned: always, except for a failure before the member was looked at
  type: dict
  sample: {drain: 16.2, restart: 900.3, route: 4.5, follow: 110.8, resume: 12.0, total_pause: 1043.8}
waited_seconds:
  description: How long it took until it was as wished.
  returned: always, except for a failure before the member was looked at
  type: float
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.arguments import (
    CONNECTION,
    CONNECTION_REQUIRED_BY,
    patroni_clients,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.held_request import Unsent
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import first_answer
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import PatroniClient, restart_wish
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    NobodyAnswered,
    Refused,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations.leader_restart import restart_leader
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.member import (
    Look,
    Wish,
    is_reached,
    plan_member,
    refuse_to_reinitialize,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import SystemClock, wait_until

# Patroni's refusals of a restart; with the others (503, and 400 for a crash of its own) it may have begun.
NOT_RESTARTED = (401, 403, 404, 409)


@dataclass
class Course:
    """What was done to the member so far, and how it looked before and last."""

    before: Look
    last: Look
    actions: list[str] = field(default_factory=list)
    said: str = ""
    seconds: float = 0.0
    phases: Mapping[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """The module's answer."""
        before, after = self.before.status, self.last.status
        return {
            "actions": self.actions,
            "said": self.said,
            "before": before.facts() if before else None,
            "after": after.facts() if after else None,
            "phases": dict(self.phases),
            "waited_seconds": round(self.seconds, 1),
        }


@dataclass(frozen=True)
class Patient:
    """The member, and those who can tell where it is."""

    name: str
    clients: list[PatroniClient]

    def look(self) -> Look:
        """How it is now. Nobody answering is an observation."""
        try:
            cluster = first_answer(self.clients, PatroniClient.cluster).answer
        except NobodyAnswered as error:
            return Look(self.name, silence=str(error))
        member = cluster.member(self.name)
        if member is None or member.api_url is None:
            known = ", ".join(m.name for m in cluster.members)
            return Look(self.name, cluster, silence=f"it is not among the members ({known})")
        try:
            return Look(self.name, cluster, self._own(member.api_url).status())
        except RemoteError as error:
            return Look(self.name, cluster, silence=f"{member.described}, but {error}")

    def act(self, action: str, course: Course, params: dict[str, Any]) -> str:
        """Ask its own Patroni; returns its words. Raises RemoteError where it has surely not begun."""
        look = course.last
        member = look.cluster.member(self.name) if look.cluster else None
        if look.status is None or look.cluster is None or member is None or member.api_url is None:
            raise RemoteError(f"{self.name} cannot be asked to {action}: {look.silence}", reason=look.silence)
        own = self._own(member.api_url)
        if action != "restart":
            return (own.reload() if action == "reload" else own.reinitialize(force=True)).said
        pending, limit = params["only_pending"], params["start_timeout"]
        try:
            if look.leads and params["agents"]:
                held = restart_leader(look.cluster, member, restart_wish(pending, limit), params)
                course.phases, course.warnings = held.phases, held.warnings
                return held.answer.result().said
            return own.restart(only_pending=pending, timeout=limit, seconds=params["wait_timeout"]).said
        except RemoteError as error:
            if isinstance(error, Unsent) or error.details.get("status") in NOT_RESTARTED:
                raise
            return error.reason

    def _own(self, api_url: str) -> PatroniClient:
        return PatroniClient(self.clients[0].http.at(api_url.removesuffix("/patroni")))


def pursue(patient: Patient, course: Course, wish: Wish, action: str, params: dict[str, Any]) -> bool:
    """Take the action, if there is one, and watch until it is seen to be done, or the time is over."""
    clock = SystemClock()
    start = clock.now()
    seconds = params["clone_timeout" if action == "reinitialize" else "wait_timeout"]
    before = course.last
    if action:
        course.actions.append(action)
        course.said = patient.act(action, course, params)
    left = max(seconds - (clock.now() - start), 0.0)
    outcome = wait_until(patient.look, lambda look: is_reached(wish, before, look), seconds=left)
    course.last = outcome.last
    course.seconds += clock.now() - start
    return outcome.reached


def in_vain(course: Course, wish: Wish) -> DeadlineExceeded:
    """The error of a member that is not as wished, with what Patroni said and what to do."""
    last = course.last
    said = f" Patroni said {course.said!r}." if course.said else ""
    waits = ", ".join(last.status.pending_restart_reason) if last.status and wish.state == "restarted" else ""
    pending = f" These parameters still wait for a restart: {waits}; the leader may have to go first." if waits else ""
    clone = ", or clone it anew: allow_reinitialize=true" if last.cannot_rejoin else ""
    return DeadlineExceeded(
        f"{last.name} is not {wish.state} after {course.seconds:.0f} s: {last.described}.{said}{pending} "
        f"Next, on {last.name}: journalctl -u patroni -n 50{clone}",
        **course.report(),
    )


def converge(patient: Patient, course: Course, wish: Wish, action: str, params: dict[str, Any]) -> None:
    """Act and watch; then clone anew what cannot rejoin, where that is allowed. Raises DeadlineExceeded."""
    reached = pursue(patient, course, wish, action, params)
    if not reached and params["allow_reinitialize"] and action != "reinitialize" and course.last.cannot_rejoin:
        try:
            refuse_to_reinitialize(course.last)
        except Refused as refusal:  # not of the whole: it may have been restarted by now
            raise DeadlineExceeded(
                f"{in_vain(course, wish)}. It is not cloned anew: {refusal}", **course.report()
            ) from refusal
        reached = pursue(patient, course, Wish("reinitialized"), "reinitialize", params)
    if not reached:
        raise in_vain(course, wish)


def predict(course: Course, wish: Wish, action: str, params: dict[str, Any]) -> None:
    """What would be done; nothing is waited for."""
    if action:
        course.actions.append(action)
    elif not is_reached(wish, course.before, course.before) and params["allow_reinitialize"]:
        course.actions += ["reinitialize"] if course.before.cannot_rejoin else []


def has_changed(course: Course) -> bool:
    """A restart counts only if there was one: Patroni may have found that nothing waited for it any more."""
    if course.actions != ["restart"]:
        return bool(course.actions)
    before, after = course.before.status, course.last.status
    return not before or not after or before.postmaster_started != after.postmaster_started


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Look, plan, act unless in check mode, verify, report."""
    if params["start_timeout"] is not None and params["start_timeout"] <= 0:
        raise Refused("'start_timeout' must be more than 0 seconds")
    patient = Patient(params["name"], patroni_clients(params))
    look = patient.look()
    wish = Wish(params["state"], params["only_pending"], params["allow_leader"], params["writes_may_wait"])
    course = Course(look, look)
    action = plan_member(wish, look)
    if check_mode:
        predict(course, wish, action, params)
    else:
        converge(patient, course, wish, action, params)
    report = course.report()
    return {
        **report,
        "changed": bool(course.actions) if check_mode else has_changed(course),
        "warnings": course.warnings,
        "diff": {"before": report["before"] or {}, "after": report["after"] or {}},
    }


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            "name": {"type": "str", "required": True},
            "state": {
                "type": "str",
                "choices": ["running", "streaming", "restarted", "reloaded", "reinitialized"],
                "required": True,
            },
            "only_pending": {"type": "bool", "default": True},
            "allow_leader": {"type": "bool", "default": False},
            "writes_may_wait": {"type": "bool", "default": False},
            "allow_reinitialize": {"type": "bool", "default": False},
            "start_timeout": {"type": "int"},
            "agents": {"type": "dict", "default": {}},
            "agent_port": {"type": "int", "default": 8010},
            "proxies": {"type": "list", "elements": "str", "default": []},
            "drain_timeout": {"type": "float", "default": 2.0},
            "hold_timeout": {"type": "float", "default": 20.0},
            "wait_timeout": {"type": "float", "default": 300.0},
            "clone_timeout": {"type": "float", "default": 3600.0},
        },
        required_by=CONNECTION_REQUIRED_BY,
        supports_check_mode=True,
    )
    try:
        answer = run(module.params, module.check_mode)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    for warning in answer.pop("warnings"):
        module.warn(warning)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
