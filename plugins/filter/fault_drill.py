# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fault drill, planned and judged, for playbooks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.timing import parse
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.fault_drill import Stage, Wish, facts, plan_drill
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.fault_verdict import Course, Leads, judge
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_input import cluster_from_facts
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.voters import Voters

T = TypeVar("T")


def fault_drill_plan(
    status: Mapping[str, Any],
    fault: str,
    topology: Mapping[str, Any],
    reached: Collection[str],
    timing: Mapping[str, Any],
    config: Mapping[str, Any],
    *,
    target: str = "",
    seconds: float = 20.0,
    tolerance: float = 1.0,
    protection: str = "async",
    follows: str = "",
    watchdog: str = "auto",
) -> dict[str, Any]:
    def work() -> dict[str, Any]:
        stage = Stage(
            cluster=cluster_from_facts(status["cluster"]),
            etcd=Voters.from_facts(status["etcd"]),
            groups={group: tuple(topology[group]) for group in ("postgres", "etcd", "proxy")},
            reached=tuple(reached),
            timing=parse({**timing, **{name: value for name, value in config.items() if name in timing}}),
            protection=protection,
            failsafe=config.get("failsafe_mode") is True,
            follows=follows,
            watched=watchdog != "off",
        )
        plan = plan_drill(stage, Wish(fault, target, float(seconds), float(tolerance)))
        return {**facts(plan, topology["name"]), "before": _leads(status["cluster"])}

    return _told(work)


def fault_drill_verdict(
    plan: Mapping[str, Any],
    felt: Mapping[str, Any],
    after: Mapping[str, Any] | None,
    *,
    acted: bool,
    whole: float | None = None,
    healed_itself: bool = False,
) -> dict[str, Any]:
    def work() -> dict[str, Any]:
        course = Course(
            before=Leads(**plan["before"]),
            after=Leads(**_leads(after)),
            acted=acted,
            whole=None if whole is None else float(whole),
            healed_itself=healed_itself,
        )
        return {**judge(plan, course, felt).facts(), "before": plan["before"], "after": _leads(after)}

    return _told(work)


def _leads(cluster: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"name": (cluster or {}).get("leader"), "timeline": (cluster or {}).get("timeline")}


def _told(work: Callable[[], T]) -> T:
    try:
        return work()
    except (Refused, ValueError, TypeError, KeyError, AttributeError) as error:
        raise AnsibleFilterError(f"{type(error).__name__}: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"fault_drill_plan": fault_drill_plan, "fault_drill_verdict": fault_drill_verdict}
