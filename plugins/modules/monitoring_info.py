#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: monitoring_info
short_description: What Prometheus remembers of a cluster's last hours, and which alerts fire
version_added: 0.1.0
author: [The Matriarch authors (@matriarch)]
description:
  - Asks a Prometheus that has the rules and exporters of the role C(monitoring), on the host where it answers.
  - Fails, and says why, when it has not all answers within O(timeout).
options:
  etcd_cluster:
    description: The name of its etcd, whose alerts are the cluster's as well, where that has another name.
    type: str
  hours:
    description:
      - How far back to look. A Prometheus that knows less is asked for what it knows, but for a minute at least.
    type: float
    default: 6
  timeout:
    description: How long all answers together may take, in seconds.
    type: float
    default: 5
extends_documentation_fragment:
  - matriarch.pgcluster.prometheus
  - matriarch.pgcluster.reads_only
"""

EXAMPLES = r"""
- name: See what the last day was like
  matriarch.pgcluster.monitoring_info:
    cluster: main
    hours: 24
  delegate_to: mon1
"""

RETURN = r"""
begin:
  description: The first moment that is shown, in seconds since 1970.
  returned: success
  type: float
end:
  description: The last one.
  returned: success
  type: float
step:
  description: How far points are from each other, in seconds.
  returned: success
  type: float
leaders:
  description: Each member that Prometheus knows, with C(name) and C(points), which are 1 while it led and else 0.
  returned: success
  type: list
  elements: dict
charts:
  description: What there is to show; what the cluster has not is left out.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Which one.
      type: str
      sample: lag
    title:
      description: The same for people.
      type: str
      sample: Replicas behind
    unit:
      description: V(count), V(rate) (per second), V(bytes) (per second), V(seconds) or V(share) (1 is all of it).
      type: str
    lines:
      description: Each with C(name) and C(points), which are a moment in seconds since 1970 and a value.
      type: list
      elements: dict
full_in_seconds:
  description:
    - When the first file system is full, if it goes on as in the last three hours; null where none fills, or where the
      time that is shown is shorter.
  returned: success
  type: float
alerts:
  description: What fires now, with C(name), C(severity), C(summary), C(runbook) and C(since); the worst first.
  returned: success
  type: list
  elements: dict
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.prometheus import (
    PROMETHEUS_ARGUMENTS,
    Prometheus,
    quoted,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.history import (
    ALIVE,
    FULL_IN,
    LEADERS,
    LEAST_FORECAST,
    QUESTIONS,
    Question,
    Window,
    alerts,
    window,
)

ARGUMENTS: dict[str, Any] = {
    **PROMETHEUS_ARGUMENTS,
    "etcd_cluster": {"type": "str"},
    "hours": {"type": "float", "default": 6},
    "timeout": {"type": "float", "default": 5},
}
COARSE = 60.0
"""Seconds between looks for the first sign of life."""


@dataclass(frozen=True)
class Inquiry:
    """One Prometheus, asked about one cluster, as long as there is time (in seconds of `clock`)."""

    server: Prometheus
    cluster: str
    scrape: float
    deadline: float
    clock: Callable[[], float] = time.monotonic

    def prometheus(self) -> Prometheus:
        left = self.deadline - self.clock()
        if left <= 0:
            raise MatriarchError(f"{self.server.http.url} has not answered everything in time")
        return Prometheus(self.server.http.patient(left))

    def words(self, expression: str, over: float) -> str:
        return expression.format(c=f'cluster="{quoted(self.cluster)}"', w=round(over))

    def first_sign(self, begin: float, end: float) -> float | None:
        asked = self.prometheus().over(self.words(ALIVE, COARSE), begin, end, COARSE)
        return next((moment for moment, _value in asked), None)

    def lines(self, question: Question, shown: Window) -> list[dict[str, Any]]:
        """Every line of a plot that has a value."""
        over = max(4 * self.scrape, 2 * shown.step)
        found = [
            {"name": line.name(series.labels), "points": [point for point in series.points if math.isfinite(point[1])]}
            for line in question.lines
            for series in self.prometheus().lines(self.words(line.expression, over), shown.begin, shown.end, shown.step)
        ]
        return [line for line in found if line["points"]]

    def full_in(self, shown: Window) -> float | None:
        if shown.seconds < LEAST_FORECAST:
            return None
        return self.prometheus().at(self.words(FULL_IN, LEAST_FORECAST), shown.end)


def run(params: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Ask for everything. Raises MatriarchError."""
    http = JsonHttp(params["prometheus"].rstrip("/"), ca_file=params["ca_file"])
    inquiry = Inquiry(Prometheus(http), params["cluster"], params["step"], time.monotonic() + params["timeout"])
    longest = params["hours"] * 3600
    shown = window(inquiry.first_sign(now - longest, now), now, longest, params["step"])
    charts = [(question, inquiry.lines(question, shown)) for question in QUESTIONS]
    return {
        "begin": shown.begin,
        "end": shown.end,
        "step": shown.step,
        "leaders": inquiry.lines(LEADERS, shown),
        "charts": [
            {"name": each.name, "title": each.title, "unit": each.unit, "lines": lines}
            for each, lines in charts
            if lines
        ],
        "full_in_seconds": inquiry.full_in(shown),
        "alerts": alerts(
            inquiry.prometheus().alerts(), [params["cluster"], params["etcd_cluster"] or params["cluster"]]
        ),
    }


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        module.exit_json(changed=False, **run(module.params, time.time()))
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)


if __name__ == "__main__":
    main()
