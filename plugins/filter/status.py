# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's status for playbooks: what to ask with, and how to show it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.host_report import GROUPS, parse_reports
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.status import Status
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.status_picture import picture
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.status_plots import history, silence
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.status_tables import headline, tables, text
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.verdict import judge

T = TypeVar("T")

REPORT = frozenset(
    {
        "poolers",
        "haproxy",
        "has_virtual_address",
        "certificates",
        "volumes",
        "postgres",
        "backups",
        "following",
        "units",
        "outdated_units",
        "problems",
    }
)
OF_A_MEMBER: dict[str, Any] = {
    "postgres": None,
    "backups": None,
    "following": None,
    "volumes": [],
    "outdated_units": [],
}


def status_hosts(
    topology: Mapping[str, Any], hostvars: Mapping[str, Mapping[str, Any]], variable: str, asked: Collection[str]
) -> dict[str, dict[str, Any]]:
    told = {name: _report(hostvars[name].get(variable)) for name in topology["hosts"] if name in asked}
    does = {name: {group: name in topology[group] for group in GROUPS} for name in told}
    return {name: {**does[name], "report": _own_part(told[name], does[name])} for name in told}


def _own_part(report: dict[str, Any] | None, does: Mapping[str, bool]) -> dict[str, Any] | None:
    """Without what the host does for another cluster, to which this one owes no more than a part of its etcd."""
    if report is None:
        return None
    left_out: dict[str, Any] = {
        **({} if does["postgres"] else OF_A_MEMBER),
        **({} if does["proxy"] else {"haproxy": None, "poolers": {}, "has_virtual_address": None}),
    }
    if not does["postgres"] and not does["proxy"]:
        left_out["units"] = {unit: state for unit, state in report["units"].items() if unit == "etcd.service"}
    return {**report, **left_out}


def _report(answer: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What the module returned, without Ansible's own words; None where it did not come so far."""
    told = {key: answer[key] for key in REPORT if key in answer} if answer else {}
    return told if told.keys() == REPORT else None


def status_of_silence(topology: Mapping[str, Any], asked: Collection[str]) -> dict[str, Any]:
    hosts = parse_reports(status_hosts(topology, {name: {} for name in topology["hosts"]}, "", asked))
    status = Status(cluster=None, hosts=hosts)
    verdict = judge(status)
    return {**status.facts(), "verdict": verdict.word, "reasons": verdict.reasons()}


def status_text(answer: Mapping[str, Any], name: str) -> list[str]:
    return _told(lambda: text(name, answer))


def status_view(answer: Mapping[str, Any], name: str, topology: Mapping[str, Any]) -> dict[str, Any]:
    return _told(
        lambda: {
            "name": name,
            "verdict": answer["verdict"],
            "headline": headline(name, answer),
            "reasons": list(answer["reasons"]),
            "tables": [asdict(table) for table in tables(answer)],
            "picture": picture(answer, topology),
        }
    )


def status_plots(answer: Mapping[str, Any], host: str) -> dict[str, Any]:
    if "charts" not in answer:
        why = f"{answer['url']}: {answer['reason']}" if "reason" in answer else answer.get("msg", "it was not asked")
        return silence(f"Prometheus on {host} does not tell: {why}")
    return _told(lambda: history(answer), "no history that monitoring_info returned")


def _told(work: Callable[[], T], what: str = "no status that patroni_cluster_info returned") -> T:
    try:
        return work()
    except (KeyError, TypeError, AttributeError) as error:
        raise AnsibleFilterError(f"this is {what}: {error!r}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "status_hosts": status_hosts,
            "status_of_silence": status_of_silence,
            "status_plots": status_plots,
            "status_text": status_text,
            "status_view": status_view,
        }
