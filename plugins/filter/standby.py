# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what is declared of a standby cluster can work, for playbooks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.standby_input import problems


def standby_problems(source: Mapping[str, Any], name: str, own: Collection[Mapping[str, Any]]) -> list[str]:
    return problems(str(name), source, own) if source else []


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"standby_problems": standby_problems}
