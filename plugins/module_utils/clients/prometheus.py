# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus remembers, over its HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError

PROMETHEUS_ARGUMENTS: dict[str, Any] = {
    "prometheus": {"type": "str", "default": "http://127.0.0.1:9090"},
    "ca_file": {"type": "path"},
    "cluster": {"type": "str", "required": True},
    "step": {"type": "int", "default": 15},
}
"""What modules that ask are told; see the fragment `prometheus` of their documentation."""

MOST_POINTS = 10000
"""Prometheus refuses to give more than 11000 in one answer."""


@dataclass(frozen=True)
class Series:
    """One line of a graph: its labels, and its values, each with its time in seconds since 1970."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


def quoted(name: str) -> str:
    """A text within the quotes of a query."""
    return name.replace("\\", "\\\\").replace('"', '\\"')


@dataclass(frozen=True)
class Prometheus:
    """One server. All times are in seconds since 1970."""

    http: JsonHttp

    def at(self, expression: str, moment: float) -> float | None:
        """The value of an expression at that moment, None where it has none; the largest of several."""
        told = self._data("query", query=expression, time=moment)
        return max((float(each["value"][1]) for each in told), default=None)

    def over(self, expression: str, begin: float, end: float, step: float) -> Iterator[tuple[float, float]]:
        """The values of an expression that has one series, each with its time, from begin to end."""
        first = begin
        while first <= end:
            last = min(end, first + step * (MOST_POINTS - 1))
            for series in self.lines(expression, first, last, step):
                yield from series.points
            first = last + step

    def lines(self, expression: str, begin: float, end: float, step: float) -> list[Series]:
        """Every series of an expression from begin to end, of at most MOST_POINTS each."""
        told = self._data("query_range", query=expression, start=begin, end=end, step=step)
        return [
            Series(each["metric"], tuple((float(moment), float(value)) for moment, value in each["values"]))
            for each in told
        ]

    def alerts(self) -> list[dict[str, Any]]:
        """What its rules say now, as it tells it: `state` (pending or firing), `labels`, `annotations`, `activeAt`."""
        return self._data("alerts", within="alerts")

    def _data(self, what: str, within: str = "result", **parameters: Any) -> list[dict[str, Any]]:
        answer = self.http.request("GET", f"/api/v1/{what}?{urlencode(parameters)}")
        try:
            result: list[dict[str, Any]] = answer["data"][within]
        except (KeyError, TypeError) as error:
            raise MatriarchError(f"{self.http.url} answers to {what} as no Prometheus does") from error
        return result
