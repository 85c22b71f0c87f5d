# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans of a restore, for playbooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.recovery import parse_target
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.restore import (
    choose_worker,
    plan_restore,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.restore_input import (
    place_from_facts,
    restoring_from_facts,
)

T = TypeVar("T")


def recovery_target(told: str, *, zone: str = "") -> dict[str, str]:
    def work() -> dict[str, str]:
        try:
            return {"target": parse_target(told, zone=zone).told, "refused": ""}
        except Refused as error:
            return {"target": "", "refused": str(error)}

    return _told(work)


def restore_worker(
    places: Mapping[str, Mapping[str, Any]], members: Sequence[str], *, leader: str | None = None, wished: str = ""
) -> str:
    def work() -> str:
        return choose_worker(tuple(place_from_facts(name, places.get(name), leader) for name in members), wished)

    return _told(work)


def restore_plan(
    places: Mapping[str, Mapping[str, Any]],
    members: Sequence[str],
    worker: str,
    *,
    note: Mapping[str, Any] | None = None,
    cluster: Mapping[str, Any] | None = None,
    healthy: bool = False,
    size: int = 0,
) -> dict[str, Any]:
    def work() -> dict[str, Any]:
        found = restoring_from_facts(places, members, note, cluster, size, worker)
        plan = plan_restore(replace(found, whole=healthy))
        return {
            "steps": [step.facts() for step in plan.steps],
            "next": [step.facts() for step in plan.next],
            "refused": list(plan.refused),
        }

    return _told(work)


def _told(work: Callable[[], T]) -> T:
    try:
        return work()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise AnsibleFilterError(f"{type(error).__name__}: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"recovery_target": recovery_target, "restore_worker": restore_worker, "restore_plan": restore_plan}
