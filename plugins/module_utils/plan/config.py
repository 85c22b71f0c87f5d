# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the declared dynamic configuration and the actual one to the smallest PATCH between them. Pure.

Patroni merges a PATCH into what it has: nested dictionaries key by key, null removes a key, all else replaces it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.config_rules import problems_of

WORDS = {"on": "on", "true": "on", "yes": "on", "off": "off", "false": "off", "no": "off"}
NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?")  # no leading zeros: PostgreSQL reads 0640 as octal


@dataclass(frozen=True)
class ConfigPlan:
    """The body of the PATCH (empty: nothing to do), and the whole configuration before and after it."""

    patch: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def changes_parameters(self) -> bool:
        """True when a PostgreSQL parameter changes, so that a member may want a restart."""
        section = self.patch.get("postgresql")
        return isinstance(section, dict) and "parameters" in section


def plan_config(
    declared: Mapping[str, Any],
    actual: Mapping[str, Any],
    *,
    purge_parameters: bool = False,
    patroni_version: str = "",
) -> ConfigPlan:
    """The way from `actual` to `declared`; what is not declared stays, unless PostgreSQL parameters are purged.

    Raises Refused with `problems`, all of them, when Patroni would ignore or adjust what is declared, or would break.
    """
    declared = _spelled_as(actual, declared)
    if purge_parameters:
        declared = _with_purge(declared, actual)
    patch = _difference(declared, actual)
    after = merge(actual, patch)
    problems = problems_of(declared, after, patroni_version)
    if problems:
        raise Refused("the declared configuration is refused: " + "; ".join(problems), problems=problems)
    return ConfigPlan(patch, copy.deepcopy(dict(actual)), after)


def merge(config: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """What Patroni's PATCH makes of a configuration."""
    merged = copy.deepcopy(dict(config))
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def is_merged(patch: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """True when a configuration is as the PATCH wants it."""
    return not _difference(patch, config)


def same(declared: object, actual: object) -> bool:
    """True when PostgreSQL and Patroni read both as the same: True is 'on', 200 is '200', 1.0 is 1."""
    if isinstance(declared, list) and isinstance(actual, list):
        return len(declared) == len(actual) and all(map(same, declared, actual))
    if isinstance(declared, Mapping) and isinstance(actual, Mapping):
        return declared.keys() == actual.keys() and all(same(declared[key], actual[key]) for key in declared)
    if isinstance(declared, (list, Mapping)) or isinstance(actual, (list, Mapping)):
        return False
    return _canonical(declared) == _canonical(actual)


def _canonical(value: object) -> str:
    """One spelling for each meaning; text that is neither a switch nor a plain number stays as it is."""
    text = str(value)
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    number = NUMBER.fullmatch(text)
    if number is None:
        return text
    sign, whole, fraction = number[1], number[2], (number[3] or "").rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def _difference(declared: Mapping[str, Any], actual: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_differing(declared, actual))


def _differing(declared: Mapping[str, Any], actual: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The keys of the PATCH. Nulls are left out of what is new, for there Patroni would keep them as values."""
    for key, wanted in declared.items():
        has = actual.get(key)
        if wanted is None:
            if has is not None:
                yield key, None
        elif isinstance(wanted, Mapping):
            nested = _difference(wanted, has if isinstance(has, Mapping) else {})
            if nested or not (has is None or isinstance(has, Mapping)):
                yield key, nested
        elif has is None or not same(wanted, has):
            yield key, wanted


def _parameters(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    section = config.get("postgresql")
    parameters = section.get("parameters") if isinstance(section, Mapping) else None
    return parameters if isinstance(parameters, Mapping) else None


def _with_parameters(config: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {**config, "postgresql": {**config["postgresql"], "parameters": dict(parameters)}}


def _spelled_as(actual: Mapping[str, Any], declared: Mapping[str, Any]) -> Mapping[str, Any]:
    """The declaration with each parameter spelled as the cluster has it: names do not differ by case alone."""
    wanted, has = _parameters(declared), _parameters(actual)
    if not wanted or not has:
        return declared
    spelling = {name.lower(): name for name in has}
    respelled = {name: spelling.get(str(name).lower(), name) for name in wanted}
    if len(set(respelled.values())) < len(wanted):
        return declared  # one parameter twice: the rules refuse it, by the names that the user wrote
    return _with_parameters(declared, {respelled[name]: value for name, value in wanted.items()})


def _with_purge(declared: Mapping[str, Any], actual: Mapping[str, Any]) -> Mapping[str, Any]:
    wanted = _parameters(declared)
    if wanted is None:
        raise Refused("purge_parameters needs config.postgresql.parameters: without it, every parameter would go")
    surplus = (_parameters(actual) or {}).keys() - wanted.keys()
    return _with_parameters(declared, {**wanted, **dict.fromkeys(sorted(surplus))})
