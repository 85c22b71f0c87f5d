# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus remembers, over its HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError

MOST_POINTS = 10000
"""Prometheus refuses to give more than 11000 in one answer."""


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
            for series in self._data("query_range", query=expression, start=first, end=last, step=step):
                yield from ((float(moment), float(value)) for moment, value in series["values"])
            first = last + step

    def _data(self, what: str, **parameters: Any) -> list[dict[str, Any]]:
        answer = self.http.request("GET", f"/api/v1/{what}?{urlencode(parameters)}")
        try:
            result: list[dict[str, Any]] = answer["data"]["result"]
        except (KeyError, TypeError) as error:
            raise MatriarchError(f"{self.http.url} answers to {what} as no Prometheus does") from error
        return result
