# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Timeouts by preset, and what they promise, for playbooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import timing as model
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.timing import bounds, violations

T = TypeVar("T")


def timing(preset: str, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return _told(lambda: model.as_dict(model.timing(preset, overrides)))


def timing_bounds(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    return _told(lambda: [bound.as_dict() for bound in bounds(model.parse(settings))])


def timing_violations(settings: Mapping[str, Any], declared_rto: float) -> list[dict[str, str]]:
    return _told(lambda: [asdict(each) for each in violations(model.parse(settings), float(declared_rto))])


def _told(work: Callable[[], T]) -> T:
    try:
        return work()
    except (Refused, ValueError) as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"timing": timing, "timing_bounds": timing_bounds, "timing_violations": timing_violations}
