# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus asks, for the role that configures it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.monitoring_targets import targets


def monitoring_targets(
    groups: Mapping[str, Sequence[str]], hostvars: Mapping[str, Mapping[str, Any]], ports: Mapping[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    return targets(groups, hostvars, {name: int(port) for name, port in ports.items()})


def monitoring_target_files(found: Mapping[str, list[dict[str, Any]]], folder: str) -> list[dict[str, str]]:
    return [
        {"path": f"{folder}/{job}.json", "content": json.dumps(entries, indent=1, sort_keys=True) + "\n"}
        for job, entries in found.items()
    ]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"monitoring_targets": monitoring_targets, "monitoring_target_files": monitoring_target_files}
