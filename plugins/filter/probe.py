# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients felt during an operation, for playbooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.summary import summarize


def probe_summary(results: object) -> dict[str, Any]:
    if not isinstance(results, list) or not all(isinstance(result, Mapping) for result in results):
        raise AnsibleFilterError("probe_summary needs a list of results of matriarch.pgcluster.client_probe")
    return summarize(results)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"probe_summary": probe_summary}
