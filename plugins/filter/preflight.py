# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings before a deployment, for playbooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.preflight import Problem
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.preflight import preflight, report


def preflight_problems(wish: Mapping[str, Any], hosts: Mapping[str, Any]) -> list[dict[str, str]]:
    try:
        return [asdict(problem) for problem in preflight(wish, hosts)]
    except KeyError as error:
        raise AnsibleFilterError(f"the wish lacks {error}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise AnsibleFilterError(f"the wish makes no sense: {error}") from error


def preflight_report(problems: Iterable[Mapping[str, str]]) -> str:
    try:
        return report(Problem(**problem) for problem in problems)
    except TypeError as error:
        raise AnsibleFilterError(f"these are no findings of preflight_problems: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"preflight_problems": preflight_problems, "preflight_report": preflight_report}
