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
  - With O(etcd_urls) or O(hosts) it puts together the whole picture, and returns a verdict with its reasons and the
    next command for each. Servers and hosts that do not answer are reasons, and no failure.
  - Who tells of a leader that says itself that it does not lead is not believed, and the next member is asked. Patroni
    reads from the copy of its own etcd server, which may be old where both are cut off.
extends_documentation_fragment:
  - matriarch.pgcluster.patroni
  - matriarch.pgcluster.tls
  - matriarch.pgcluster.reads_only
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
  former_leader:
    description: With O(wait_for=leader), a member that shall lead no more.
    type: str
    default: ""
  wait_timeout:
    description: How long to wait for that, in seconds. The last round of requests may begin just before.
    type: float
    default: 60.0
  clone_timeout:
    description:
      - For how many seconds a wait goes on while one of O(members) is being cloned. When that has ended,
        O(wait_timeout) begins anew.
      - A clone goes on when the wait ends. With V(0) it has no time of its own.
    type: float
    default: 0.0
  history:
    description: How many of the last changes of the timeline to return.
    type: int
    default: 0
  etcd_urls:
    description: Addresses at which the etcd members serve clients. All of them are asked, with the same certificates.
    type: list
    elements: str
    default: []
  cluster:
    description:
      - The cluster's name, by which etcd keeps what is under way. With O(etcd_urls), a restore that is half done is
        told.
    type: str
    default: ""
  hosts:
    description:
      - All hosts of the cluster by their names, which are those of the members of Patroni and etcd.
      - Each has C(etcd), C(postgres) and C(proxy), which say what the host does, and C(report), what
        M(matriarch.pgcluster.host_status) returned there; null for a host that does not answer.
      - Where O(members) is not given, the hosts with C(postgres) are the members that the cluster shall have.
    type: dict
    default: {}
  limits:
    description: From where on something is a reason to call the cluster degraded.
    type: dict
    default: {}
    suboptions:
      lag_bytes:
        description: A standby is further behind the leader than so many bytes.
        type: int
        default: 16777216
      lag_seconds:
        description: A standby is further behind the leader than so many seconds.
        type: float
        default: 10.0
      waiting_clients:
        description: More clients than this wait in a pooler.
        type: int
        default: 10
      certificate_days:
        description: A certificate expires in fewer days.
        type: float
        default: 30.0
      slot_bytes:
        description: A replication slot keeps more WAL than so many bytes.
        type: int
        default: 1073741824
      waiting_segments:
        description: More segments of WAL than this wait to be archived.
        type: int
        default: 16
      following_seconds:
        description: A standby cluster has not replayed what the archive holds, and its last commit is older.
        type: float
        default: 900.0
      free_percent:
        description: A file system that holds data, WAL or logs has less left, of its bytes or its files.
        type: float
        default: 10.0
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

- name: See the whole, and judge it
  matriarch.pgcluster.patroni_cluster_info:
    urls: [https://pg1:8008, https://pg2:8008, https://pg3:8008]
    etcd_urls: [https://pg1:2379, https://pg2:2379, https://pg3:2379]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
    history: 5
    hosts:
      pg1: {etcd: true, postgres: true, proxy: true, report: "{{ hostvars.pg1.report }}"}
      pg2: {etcd: true, postgres: true, proxy: true, report: "{{ hostvars.pg2.report }}"}
      pg3: {etcd: true, postgres: true, proxy: true, report: null}  # it does not answer
  register: status
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
    scheduled_switchover:
      description: The switchover that waits for its time, C(at) when, C(from) whom and C(to) whom; or null.
      type: dict
      sample: {at: "2026-12-01T03:00:00+01:00", from: pg1, to: null}
    history:
      description: The last ends of timelines, the oldest first; empty unless O(history) asks for them.
      type: list
      elements: dict
      contains:
        timeline:
          description: The timeline that ended.
          type: int
        lsn:
          description: Where it ended, as PostgreSQL writes a position.
          type: str
          sample: 0/5000060
        reason:
          description: Why, in PostgreSQL's words.
          type: str
        timestamp:
          description: When, in ISO 8601, or null.
          type: str
        new_leader:
          description: The member that led the next one, or null.
          type: str
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
        lag_seconds:
          description: Seconds that its data is older than the leader's, from its report in O(hosts); else null.
          type: float
        pending_restart:
          description: Whether a changed parameter waits for a restart of this member.
          type: bool
        pending_restart_reason:
          description: Those parameters with their old and new values; empty before Patroni 4.0.
          type: dict
        scheduled_restart:
          description: When a restart is scheduled, in ISO 8601, or null.
          type: str
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
verdict:
  description:
    - V(critical) where clients cannot write, or data is at risk, now.
    - V(degraded) where the next fault may not be survived as promised.
    - V(stable) otherwise.
  returned: with O(etcd_urls) or O(hosts)
  type: str
  sample: degraded
reasons:
  description: All that was found, the worst first.
  returned: with O(etcd_urls) or O(hosts)
  type: list
  elements: dict
  contains:
    severity:
      description: V(critical), V(degraded), or V(note), which does not change the verdict.
      type: str
    subject:
      description: The host or member that it is about; V(cluster) or V(etcd) where it is the whole.
      type: str
    problem:
      description: What was found.
      type: str
    next:
      description: The next command, or what else to do.
      type: str
  sample:
    - {severity: degraded, subject: pg3, problem: the host does not answer,
       next: "bring it back, then ansible-playbook site.yml --limit pg3"}
sync:
  description: How commits wait for standbys.
  returned: with O(etcd_urls) or O(hosts)
  type: dict
  contains:
    mode:
      description: V(async), V(sync) or V(quorum), or null where no Patroni told.
      type: str
    strict:
      description: Whether they wait even when no standby is there.
      type: bool
    standbys:
      description: The members that they wait for.
      type: list
      elements: str
etcd:
  description: The store, as M(matriarch.pgcluster.etcd_cluster_info) returns it; null where no server answered.
  returned: with O(etcd_urls) or O(hosts)
  type: dict
proxies:
  description: What each proxy that answered told of its HAProxy, by host.
  returned: with O(etcd_urls) or O(hosts)
  type: dict
poolers:
  description: What each proxy that answered told of its poolers, by host.
  returned: with O(etcd_urls) or O(hosts)
  type: dict
instances:
  description: What each host that answered told of its PostgreSQL, by host.
  returned: with O(etcd_urls) or O(hosts)
  type: dict
certificates:
  description: The certificates of each host that answered, by host.
  returned: with O(etcd_urls) or O(hosts)
  type: dict
volumes:
  description: The file systems that hold what each member's host that answered keeps, by host.
  returned: with O(etcd_urls) or O(hosts)
  type: dict
following:
  description: How far each member of a standby cluster has come with the log of the cluster that it follows, by host.
  returned: with O(etcd_urls) or O(hosts)
  type: dict
silent_hosts:
  description: The O(hosts) without a report.
  returned: with O(etcd_urls) or O(hosts)
  type: list
  elements: str
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.arguments import (
    CONNECTION,
    CONNECTION_REQUIRED_BY,
    WAITING,
    connections,
    etcd_clients,
    patroni_clients,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import PatroniClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    NobodyAnswered,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.host_report import HostReport, parse_reports
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.status import Limits, Status, Sync, Unfinished
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.verdict import judge
from ansible_collections.matriarch.pgcluster.plugins.module_utils.reading_cluster import (
    Told,
    read_cluster,
    second_opinion,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.reading_status import (
    read_config,
    read_restore,
    read_store,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import Outcome, SystemClock, wait_until

GOALS = {"leader": "a member leads", "healthy": "the cluster is healthy"}
LIMITS = {each.name: {"type": type(each.default).__name__, "default": each.default} for each in fields(Limits)}


@dataclass(frozen=True)
class Observation:
    """What one round of asking found, and who told it; no cluster where nobody answered."""

    cluster: ClusterState | None
    problems: tuple[str, ...]
    unanswered: dict[str, str]
    told_by: PatroniClient | None = None
    cloned: tuple[str, ...] = ()
    doubted: bool = False

    @classmethod
    def of(cls, told: Told, params: dict[str, Any], doubt: str = "") -> Observation:
        """What that Patroni told, and why it is not to be believed."""
        problems = told.answer.problems(params["members"], synchronous=params["synchronous"])
        return cls(
            told.answer,
            (doubt, *problems) if doubt else problems,
            told.unanswered,
            told.client,
            told.answer.cloned(params["members"]),
            bool(doubt),
        )

    def reaches(self, goal: str | None, former_leader: str = "") -> bool:
        """True when this is what was waited for."""
        if goal == "leader":
            leader = self.cluster.leader if self.cluster else None
            return leader is not None and leader.is_up and leader.name != former_leader and not self.doubted
        return goal is None or not self.problems


def observe(clients: list[PatroniClient], params: dict[str, Any]) -> Observation:
    """Ask once. Nobody answering is an observation, not an error."""
    try:
        told = read_cluster(clients, params["history"])
    except NobodyAnswered as error:
        return Observation(None, (str(error),), error.unanswered)
    seen = Observation.of(told, params)
    # The leader may be silent, and is asked only where the answer is one that somebody acts on.
    if not seen.reaches(params["wait_for"], params["former_leader"]):
        return seen
    told, doubt = second_opinion(clients, told, params["history"])
    return Observation.of(told, params, doubt)


def wait(clients: list[PatroniClient], params: dict[str, Any]) -> Outcome[Observation]:
    """Until the goal is reached, or was waited for in vain. What a clone takes does not count, up to its own limit."""
    clock = SystemClock()
    start = clock.now()

    def reaches(seen: Observation) -> bool:
        return seen.reaches(params["wait_for"], params["former_leader"])

    def left() -> float:
        return float(params["clone_timeout"] - (clock.now() - start))

    def may_take_its_time(seen: Observation) -> bool:
        return bool(seen.cloned) and left() > 0

    def until(ended: Callable[[Observation], bool], seconds: float) -> Outcome[Observation]:
        outcome = wait_until(lambda: observe(clients, params), lambda s: reaches(s) or ended(s), seconds=seconds)
        return Outcome(reaches(outcome.last), outcome.last, clock.now() - start)

    while True:
        outcome = until(may_take_its_time, params["wait_timeout"])
        if outcome.reached or not may_take_its_time(outcome.last):
            return outcome
        outcome = until(lambda seen: not seen.cloned, left())
        if outcome.reached or outcome.last.cloned:
            return outcome


def report(outcome: Outcome[Observation], members: list[str]) -> dict[str, Any]:
    """The module's answer about Patroni."""
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
    goes_on = (
        f"The cloning of {', '.join(seen.cloned)} goes on; once it has ended, do this again. " if seen.cloned else ""
    )
    return DeadlineExceeded(
        f"waited {outcome.seconds:.0f} s in vain until {GOALS[goal]}: {'; '.join(filter(None, told))}. "
        f"{goes_on}Next, on the members named: journalctl -u patroni -n 50",
        **answer,
    )


def lags(hosts: dict[str, HostReport]) -> dict[str, float | None]:
    """How many seconds each host's PostgreSQL is behind, where it told."""
    return {name: host.instance.lag_seconds for name, host in hosts.items() if host.instance}


def whole(seen: Observation, params: dict[str, Any]) -> Status:
    """Everything that is known: Patroni's word, the consensus store's, and the reports of the hosts."""
    hosts = parse_reports(params["hosts"])
    declared = tuple(params["members"]) or tuple(name for name, host in hosts.items() if "postgres" in host.groups)
    return Status(
        cluster=seen.cluster.with_lags_in_seconds(lags(hosts)) if seen.cluster else None,
        unanswered=seen.unanswered,
        members=declared,
        sync=Sync.of(read_config(seen.told_by) if seen.told_by else None, seen.cluster),
        synchronous=params["synchronous"],
        etcd=read_store(etcd_clients({**params, "urls": params["etcd_urls"]})) if params["etcd_urls"] else None,
        restore=unfinished(params) if params["etcd_urls"] and params["cluster"] else None,
        hosts=hosts,
        limits=Limits(**params["limits"]),
    )


def unfinished(params: dict[str, Any]) -> Unfinished | None:
    """A restore that stands."""
    return read_restore(
        [EtcdKeys(http) for http in connections({**params, "urls": params["etcd_urls"]})], params["cluster"]
    )


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Ask, or wait; raises DeadlineExceeded when the wait ends in vain."""
    clients, goal = patroni_clients(params), params["wait_for"]
    outcome = wait(clients, params)
    answer = report(outcome, params["members"])
    if not outcome.reached:
        raise in_vain(outcome, goal, answer)
    if params["etcd_urls"] or params["hosts"]:
        status = whole(outcome.last, params)
        verdict = judge(status)
        answer |= {**status.facts(), "verdict": verdict.word, "reasons": verdict.reasons()}
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
            "former_leader": {"type": "str", "default": ""},
            "clone_timeout": {"type": "float", "default": 0.0},
            "history": {"type": "int", "default": 0},
            "etcd_urls": {"type": "list", "elements": "str", "default": []},
            "cluster": {"type": "str", "default": ""},
            "hosts": {"type": "dict", "default": {}},
            "limits": {"type": "dict", "default": {}, "options": LIMITS},
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
