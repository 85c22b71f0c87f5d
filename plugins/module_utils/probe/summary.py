# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several probes of one operation as one report, with lines to print. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import shorten
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.log import SAMPLES

SUMS = ("acknowledged", "unknown", "errors")
AUDITED = ("lost_acknowledged", "doubled")
GAPS = ("write_gap_ms", "read_gap_ms")


def summarize(results: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge what `client_probe` returned when it was stopped; results without `endpoints` (other states, hosts that do
    not answer) are passed over.

    Gaps are the longest of any client, counts are sums. What was audited is None as soon as a part of it could not be.
    """
    told = list(results)
    probes = [result for result in told if result.get("endpoints")]
    names = dict.fromkeys(name for probe in probes for name in probe["endpoints"])
    endpoints = {name: _merge([p["endpoints"][name] for p in probes if name in p["endpoints"]]) for name in names}
    problems = [f"the probe {result['run']}: {result['problem']}" for result in told if result.get("problem")]
    return {
        **_total(list(endpoints.values())),
        "endpoints": endpoints,
        "problems": problems,
        "lines": [*_lines(endpoints), *problems] or ["nothing was measured"],
    }


def _merge(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    worst = max(parts, key=lambda part: max(part[gap] or 0.0 for gap in GAPS))
    return {
        **{gap: _longest(parts, gap) for gap in GAPS},
        "gap_began_at": worst["gap_began_at"],
        **{key: sum(part[key] for part in parts) for key in SUMS},
        "error_samples": [sample for part in parts for sample in part["error_samples"]][:SAMPLES],
        **{key: _audited(parts, key) for key in AUDITED},
    }


def _total(endpoints: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    writers = [one for one in endpoints if _writes(one)]
    return {
        **{gap: _longest(endpoints, gap) for gap in GAPS},
        **{key: sum(one[key] for one in endpoints) for key in SUMS},
        **{key: _audited(writers, key) for key in AUDITED},
    }


def _longest(parts: Sequence[Mapping[str, Any]], gap: str) -> float | None:
    return max((part[gap] for part in parts if part[gap] is not None), default=None)


def _audited(parts: Sequence[Mapping[str, Any]], key: str) -> int | None:
    values = [part[key] for part in parts]
    return None if None in values or not values else sum(values)


def _writes(part: Mapping[str, Any]) -> bool:
    """Also true for an endpoint through which nothing came at all: it promised nothing that could be audited."""
    return part["read_gap_ms"] is None


def _lines(endpoints: Mapping[str, Mapping[str, Any]]) -> list[str]:
    width = max(map(len, endpoints), default=0)
    return [f"{name:{width}}  {_words(one)}" for name, one in endpoints.items()]


def _words(one: Mapping[str, Any]) -> str:
    """Like "longest write gap 312 ms from 2026-01-02T03:04:05.678Z, 0 errors, 0 of 4512 acknowledged rows lost"."""
    kind, gap = ("read", one["read_gap_ms"]) if one["read_gap_ms"] is not None else ("write", one["write_gap_ms"])
    if gap is None:
        return f"nothing was acknowledged, {_count(one['errors'], 'error')}{_first(one)}"
    since = f" from {one['gap_began_at']}" if one["gap_began_at"] else ""
    audit = "" if kind == "read" else f", {_audit(one)}"
    return f"longest {kind} gap {gap:.0f} ms{since}, {_count(one['errors'], 'error')}{audit}{_first(one)}"


def _audit(one: Mapping[str, Any]) -> str:
    if one["lost_acknowledged"] is None:
        return f"{one['acknowledged']} acknowledged rows not read back"
    doubled = f", {one['doubled']} doubled" if one["doubled"] else ""
    unknown = f", {one['unknown']} of unknown outcome" if one["unknown"] else ""
    return f"{one['lost_acknowledged']} of {one['acknowledged']} acknowledged rows lost{doubled}{unknown}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _first(one: Mapping[str, Any]) -> str:
    return f" (the first: {shorten(one['error_samples'][0], 120)})" if one["error_samples"] else ""
