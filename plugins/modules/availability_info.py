#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: availability_info
short_description: How available a cluster was, month by month
version_added: 0.1.0
author: [The Matriarch authors (@matriarch)]
description:
  - Computes from what Prometheus remembers, from Patroni's history and from the journal of operations, how long clients
    could not write, when the leader changed and why, and what would have been lost.
  - Available is while at least one proxy has a leader to send writes to. Where Prometheus has no sample, nobody
    watched, and that counts neither way.
options:
  history:
    description: The ends of timelines, as M(matriarch.pgcluster.patroni_cluster_info) returns them.
    type: list
    elements: dict
    default: []
  operations:
    description: The journal, as M(matriarch.pgcluster.operation_lock) returns it.
    type: list
    elements: dict
    default: []
  promised_percent:
    description: What share of a month is promised.
    type: float
    default: 99.95
  days:
    description: How far back to look. The month in which that is counts from its first day.
    type: int
    default: 90
extends_documentation_fragment:
  - matriarch.pgcluster.prometheus
  - matriarch.pgcluster.reads_only
"""

EXAMPLES = r"""
- name: Compute the availability on the host that watches
  matriarch.pgcluster.availability_info:
    cluster: main
    history: "{{ state.cluster.history }}"
    operations: "{{ shown.journal }}"
  delegate_to: mon1
"""

RETURN = r"""
months:
  description: The months since somebody watched, the oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Which one.
      type: str
      sample: 2026-11
    begin:
      description: From when on it was watched.
      type: str
    end:
      description: Up to when.
      type: str
    percent:
      description: The available share of the time that was watched; null where nobody watched.
      type: float
    kept:
      description: Whether the promise is kept, or can still be.
      type: bool
    up_seconds:
      description: How long clients could write.
      type: float
    down_seconds:
      description: How long they could not.
      type: float
    unknown_seconds:
      description: How long nobody watched.
      type: float
    allowed_seconds:
      description: The outage that the promise allows in the whole month.
      type: float
    longest_outage_seconds:
      description: The longest one, which is the RTO that was achieved.
      type: float
    outages:
      description: When they began, and for how long.
      type: list
      elements: dict
    changes:
      description:
        - Other leaders, each with C(at), C(timeline), C(leader), C(cause) and C(gap_seconds) (null, nobody watched; 0,
          shorter than a step).
      type: list
      elements: dict
    backups:
      description:
        - C(backups) and C(drills), how many were made, and C(rpo_seconds), the age of the oldest WAL that was not
          archived; null what is not known.
      type: dict
markdown:
  description: The same as text.
  returned: success
  type: str
html:
  description: The same as a page.
  returned: success
  type: str
lines:
  description: A sentence a month.
  returned: success
  type: list
  elements: str
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.prometheus import (
    PROMETHEUS_ARGUMENTS,
    Prometheus,
    quoted,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.availability import Month, month_of, months, runs
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.availability_text import (
    Report,
    markdown,
    page,
    sentences,
)

ARGUMENTS: dict[str, Any] = {
    **PROMETHEUS_ARGUMENTS,
    "history": {"type": "list", "elements": "dict", "default": []},
    "operations": {"type": "list", "elements": "dict", "default": []},
    "promised_percent": {"type": "float", "default": 99.95},
    "days": {"type": "int", "default": 90},
}
DAY = 86400

# That a proxy answers no more is an outage as well: Prometheus then has a 0 of its own. Where Prometheus was away, it
# repeats what it knew last for five minutes, but for what it is asked to count; {1} is two steps, in seconds.
WRITABLE = (
    '(max(haproxy_backend_active_servers{{cluster="{0}", proxy="leader"}})'
    ' or max(up{{cluster="{0}", job="haproxy"}}) * 0)'
    ' and max(count_over_time(up{{cluster="{0}", job="haproxy"}}[{1}s])) > 0'
)
# By month; {1} is its length in seconds.
ASKED = {
    "rpo_seconds": 'max(max_over_time(matriarch_archive_waiting_seconds{{cluster="{0}"}}[{1}s]))'
    ' and max(matriarch_archive_enabled{{cluster="{0}"}}) > 0',
    "backups": 'max(changes(matriarch_backup_stopped_timestamp_seconds{{cluster="{0}"}}[{1}s]))',
    "drills": 'max(changes(matriarch_backup_trial_timestamp_seconds{{cluster="{0}", trial="drill"}}[{1}s]))',
}


def run(params: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Ask and compute. Raises MatriarchError."""
    prometheus = Prometheus(JsonHttp(params["prometheus"].rstrip("/"), ca_file=params["ca_file"], timeout=60))
    step = float(params["step"])
    begin = month_of(now - params["days"] * DAY)
    samples = prometheus.over(
        WRITABLE.format(quoted(params["cluster"]), 2 * params["step"]), begin - begin % step, now, step
    )
    found = months(runs(samples, step), params["history"], params["operations"], params["promised_percent"], now)
    backups = {month.name: of_backups(prometheus, params["cluster"], month) for month in found}
    report = Report(params["cluster"], now, step, params["promised_percent"], found, backups)
    return {
        "months": [{**month.facts(), "backups": backups[month.name]} for month in found],
        "markdown": markdown(report),
        "html": page(report),
        "lines": sentences(report),
    }


def of_backups(prometheus: Prometheus, cluster: str, month: Month) -> dict[str, float | None]:
    length = max(60, round(month.end - month.begin))
    return {name: prometheus.at(asked.format(quoted(cluster), length), month.end) for name, asked in ASKED.items()}


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        module.exit_json(changed=False, **run(module.params, datetime.now(UTC).timestamp()))
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)


if __name__ == "__main__":
    main()
