# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans of operations that go through a cluster host by host, for playbooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.removal import (
    STANDBYS_FOR,
    RemovalPlan,
    plan_removal,
    slot_name,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.removal_input import leaving_from_facts
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling import next_turn, plan_rolling
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_input import (
    ACTIONS,
    Situation,
    Wish,
    cluster_from_facts,
    hosts_from_facts,
    moment,
    without_start,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_step import Refusal, Step
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.voters import Voters

T = TypeVar("T")
NO_PATRONI = "no Patroni answers. Next: playbooks/status.yml"


def rolling_plan(
    cluster: Mapping[str, Any],
    action: str,
    topology: Mapping[str, Any],
    seen: Mapping[str, Mapping[str, Any]],
    etcd: Mapping[str, Any] | None,
    *,
    protection: str = "async",
    drained: Sequence[str] = (),
    everybody: bool = False,
    began_at: object = None,
    writes_may_wait: bool = False,
) -> dict[str, Any]:
    def work() -> dict[str, Any]:
        if action not in ACTIONS:
            raise ValueError(f"the action {action!r} is none of {', '.join(ACTIONS)}")
        began = moment(began_at)
        if began is None and (everybody or action == "reboot"):
            raise ValueError("began_at is missing: who started before it still has its turn to come")
        wish = Wish(action, _is_strict(protection), writes_may_wait, everybody, began or 0.0)
        hosts = hosts_from_facts(topology, seen, wish, drained)
        if everybody and (unknown := without_start(hosts)):
            raise ValueError(f"started_at is missing for {', '.join(unknown)}")
        situation = Situation(cluster_from_facts(cluster), hosts, Voters.from_facts(etcd))
        plan, turn = plan_rolling(situation, wish), next_turn(situation, wish)
        return {
            "steps": [step.facts() for step in plan.steps],
            "refused": list(plan.refused),
            "warnings": list(plan.warnings),
            "next": turn.facts() if isinstance(turn, Step) else None,
            "next_refused": list(turn.reasons) if isinstance(turn, Refusal) else [],
        }

    return _told(work)


def removal_plan(
    cluster: Mapping[str, Any] | None,
    name: str,
    topology: Mapping[str, Any],
    seen: Mapping[str, Mapping[str, Any]],
    etcd: Mapping[str, Any] | None,
    *,
    units: Mapping[str, Mapping[str, Any]] | None = None,
    protection: str = "async",
    unprotected: bool = False,
) -> dict[str, Any]:
    def work() -> dict[str, Any]:
        _is_strict(protection)
        leaving = leaving_from_facts(name, topology, seen, units or {}, protection, unprotected)
        plan = RemovalPlan(refused=(NO_PATRONI,))
        if cluster:
            plan = plan_removal(cluster_from_facts(cluster), leaving, Voters.from_facts(etcd, topology["etcd"]))
        return {
            "steps": [step.facts() for step in plan.steps],
            "refused": list(plan.refused),
            "warnings": list(plan.warnings),
            "slot": slot_name(name),
        }

    return _told(work)


def _is_strict(protection: str) -> bool:
    if protection not in STANDBYS_FOR:
        raise ValueError(f"the protection {protection!r} is none of {', '.join(STANDBYS_FOR)}")
    return protection == "zero_loss"


def _told(work: Callable[[], T]) -> T:
    try:
        return work()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise AnsibleFilterError(f"{type(error).__name__}: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"rolling_plan": rolling_plan, "removal_plan": removal_plan}
