# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a cluster, for playbooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.shared_proxies import (
    Sharing,
    endpoints_elsewhere,
    passed_on,
    problems,
    shared_by,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.topology import clusters, topology


def topology_filter(
    groups: Mapping[str, Sequence[str]], hostvars: Mapping[str, Mapping[str, Any]], host: str
) -> dict[str, Any]:
    return topology(groups, hostvars, host).as_dict()


def passed_on_filter(
    groups: Mapping[str, Sequence[str]], hostvars: Mapping[str, Mapping[str, Any]], shared_with: Mapping[str, Any]
) -> list[dict[str, Any]]:
    return [asdict(endpoint) for endpoint in passed_on(groups, hostvars, shared_with)]


def shared_by_filter(
    groups: Mapping[str, Sequence[str]], hostvars: Mapping[str, Mapping[str, Any]], name: str
) -> dict[str, dict[str, Any]]:
    found = shared_by(groups, hostvars, name)
    return {each: {**asdict(sharing), "entrances": sharing.entrances} for each, sharing in found.items()}


def endpoints_elsewhere_filter(
    endpoints: Mapping[str, Mapping[str, Any]],
    sharing: Mapping[str, Mapping[str, Any]],
    reached: Sequence[str] | None = None,
) -> dict[str, dict[str, Any]]:
    told = {name: Sharing(each["proxies"], each["vip"], each["ports"]) for name, each in sharing.items()}
    return endpoints_elsewhere(endpoints, told, reached)


def choosable(cluster: str | None) -> str:
    """The pattern of the hosts among which those of *cluster* are: none where nobody asks for one.

    It is a filter because a play's hosts are found before anything is forked. Ansible loads a collection's filters all
    together, and whatever it has not loaded by then, the worker of every task and host loads again, for half a second.
    """
    return "!all" if cluster is None else "all"


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "choosable": choosable,
            "clusters": clusters,
            "endpoints_elsewhere": endpoints_elsewhere_filter,
            "passed_on": passed_on_filter,
            "shared_by": shared_by_filter,
            "sharing_problems": problems,
            "topology": topology_filter,
        }
