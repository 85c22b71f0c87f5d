# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a cluster, for playbooks."""

from __future__ import annotations

import typing as t

from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.topology import topology


def topology_filter(groups: t.Mapping, hostvars: t.Mapping, host: str) -> dict[str, t.Any]:
    return topology(groups, hostvars, host).as_dict()


class FilterModule:
    def filters(self) -> dict[str, t.Callable]:
        return {"topology": topology_filter}
