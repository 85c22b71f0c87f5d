# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A switchover from its options to its report: read, plan, refuse or act."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.wire import Identity
from ansible_collections.matriarch.pgcluster.plugins.module_utils.arguments import patroni_clients
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.held_request import HeldRequest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import first_answer
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import HANDOVER_SECONDS, PatroniClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations.crew import Crew
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations.switchover import Switchover, Way
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.switchover import (
    Evidence,
    Limits,
    SwitchoverPlan,
    plan_switchover,
)


def run(params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """What the module answers. In check mode only the plan is made."""
    clients = patroni_clients(params)

    def cluster() -> ClusterState:
        return first_answer(clients, PatroniClient.cluster).answer

    before = cluster()
    wish = plan_switchover(Evidence(before), params["candidate"], _limits(params))
    if wish.is_done:
        return _report(before, before, wish)
    identity = _identity(params)
    with Crew(params["agents"], params["agent_port"], identity) as crew:
        plan = plan_switchover(_look(crew, before, wish, params), wish.candidate, _limits(params))
        plan = _because(plan, wish.reason)
        if check:
            return _report(before, before, plan, changed=True)
        _refuse(plan, params["accept"])
        url = _rest_of(before, plan.leader)
        request = HeldRequest(
            url, "/switchover", {"leader": plan.leader, "candidate": plan.candidate}, identity, HANDOVER_SECONDS
        )
        switchover = Switchover(plan, crew, _way(params), params["proxies"], request)
        after = switchover.run(cluster)
    told = {"phases": switchover.phases.milliseconds, "warnings": switchover.warnings}
    return {**_report(before, after, plan, changed=True), **told}


def _identity(params: Mapping[str, Any]) -> Identity:
    if not params["ca_file"] or not params["client_cert"]:
        raise Refused("agents and Patroni obey certificates alone: give 'ca_file' and 'client_cert'")
    return Identity(params["ca_file"], params["client_cert"], params["client_key"] or params["client_cert"])


def _look(crew: Crew, cluster: ClusterState, wish: SwitchoverPlan, params: Mapping[str, Any]) -> Evidence:
    """Ask the agents; one that cannot tell is as bad as one that is not there."""
    members, proxies = [wish.leader, wish.candidate], params["proxies"] if params["hold"] else []
    silent = {name: crew.silent.get(name, "no agent was started there") for name in (*members, *proxies)}
    looks: dict[str, Any] = {}
    poolers: dict[str, Any] = {}
    questions = [
        (name, looks, "look", {"transactions_older_than": params["maximum_transaction_seconds"]}) for name in members
    ]
    questions += [(name, poolers, "pools", {}) for name in proxies]
    for name, answers, duty, arguments in questions:
        if name in crew.of([name]):
            try:
                answers[name] = crew.ask(name, duty, **arguments)
            except MatriarchError as error:
                silent[name] = str(error)
    return Evidence(
        cluster=cluster,
        looks=looks,
        poolers=poolers,
        silent_members={name: silent[name] for name in members if name not in looks},
        silent_proxies={name: silent[name] for name in proxies if name not in poolers},
    )


def _refuse(plan: SwitchoverPlan, accepted: list[str]) -> None:
    blockers = () if "all" in accepted else plan.unaccepted(accepted)
    if blockers:
        told = "; ".join(f"{b.problem} [{b.code}] (next: {b.next})" for b in blockers)
        raise Refused(
            f"Nothing was changed: {plan.leader} was not asked to hand over to {plan.candidate}, because {told}. "
            "What may be accepted is accepted by the code in brackets: -e accept=CODE,CODE",
            plan=plan.facts(),
        )


def _because(plan: SwitchoverPlan, reason: str) -> SwitchoverPlan:
    """The second plan names the candidate of the first; the reason is still the first one's."""
    return SwitchoverPlan(**{**vars(plan), "reason": reason})


def _rest_of(cluster: ClusterState, name: str) -> str:
    """Where the member's own Patroni listens: only the leader's own answers without a detour."""
    member = cluster.member(name)
    if member is None or not member.api_url:
        raise MatriarchError(f"{name} does not tell where its Patroni listens. Next: ansible-playbook status.yml")
    return member.api_url.removesuffix("/patroni")


def _limits(params: Mapping[str, Any]) -> Limits:
    return Limits(params["maximum_lag"], params["maximum_transaction_seconds"], params["maximum_unarchived"])


def _way(params: Mapping[str, Any]) -> Way:
    return Way(
        hold=params["hold"],
        hasten=params["hasten"],
        follow=params["follow"],
        drain_seconds=params["drain_timeout"],
        hold_seconds=params["hold_timeout"],
        settle_seconds=params["wait_timeout"],
    )


def _report(
    before: ClusterState, after: ClusterState, plan: SwitchoverPlan, *, changed: bool = False
) -> dict[str, Any]:
    leads = plan.candidate if changed else plan.leader
    return {
        "changed": changed,
        "plan": plan.facts(),
        "leader": after.leader.name if after.leader else None,
        "cluster": after.facts(),
        "diff": {"before": f"leader: {plan.leader}\n", "after": f"leader: {leads}\n"},
    }
