# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that speaks against a deployment, found in one pass before anything is changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.preflight import Problem, parse_case
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan import (
    preflight_cluster,
    preflight_hosts,
    preflight_inventory,
    preflight_ports,
    preflight_wal,
)

RULES = (
    *preflight_inventory.RULES,
    *preflight_cluster.RULES,
    *preflight_ports.RULES,
    *preflight_wal.RULES,
    *preflight_hosts.RULES,
)
HEADINGS = {"refuse": "Nothing was changed, because:", "warn": "To be noted:"}


def preflight(wish: Mapping[str, Any], hosts: Mapping[str, Any]) -> list[Problem]:
    """All findings, refusals first.

    `hosts` maps names to the answers of `host_info`; None, or no entry, for a host that did not answer.

    :raises KeyError: naming a word that the wish lacks.
    """
    case = parse_case(wish, hosts)
    found = [problem for rule in RULES for problem in rule(case)]
    return sorted(found, key=lambda problem: problem.severity != "refuse")


def report(problems: Iterable[Problem]) -> str:
    """The findings as text: one paragraph each, the same finding of several hosts told once."""
    lines: list[str] = []
    grouped = _grouped(problems)
    for severity, heading in HEADINGS.items():
        found = [(problem, hosts) for problem, hosts in grouped if problem.severity == severity]
        if found:
            lines += [heading] + [line for problem, hosts in found for line in _lines(problem, hosts)]
    return "\n".join(lines)


def _grouped(problems: Iterable[Problem]) -> list[tuple[Problem, list[str]]]:
    same: dict[tuple[str, ...], tuple[Problem, list[str]]] = {}
    for problem in problems:
        key = (problem.id, problem.problem, problem.remedy, problem.severity)
        same.setdefault(key, (problem, []))[1].append(problem.host)
    return list(same.values())


def _lines(problem: Problem, hosts: list[str]) -> tuple[str, str]:
    return (
        f"- {', '.join(hosts)}: {problem.problem} [{problem.id}]",
        f"    {problem.remedy[0].upper()}{problem.remedy[1:]}.",
    )
