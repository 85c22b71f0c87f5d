# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.prometheus import MOST_POINTS
from ansible_collections.matriarch.pgcluster.plugins.modules import availability_info
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule

WATCHED = 7200.0
OUTAGE = (3600.0, 3000.0)
"""Seconds before now in which no proxy had a leader."""


class FakePrometheus(BaseHTTPRequestHandler):
    """Remembers the last two hours, and refuses what the real one refuses."""

    now = 0.0
    asked: list[str]

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(place.query).items()}
        type(self).asked.append(asked["query"])
        status, body = getattr(self, place.path.rpartition("/")[2])(asked)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def query(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        result = [{"metric": {}, "value": [0, "3"]}] if "backup_stopped" in asked["query"] else []
        return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}

    def query_range(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        begin, end, step = (float(asked[name]) for name in ("start", "end", "step"))
        if (end - begin) / step > 11000:
            return 400, {"status": "error", "error": "exceeded maximum resolution of 11,000 points per timeseries"}
        moments = [begin + step * number for number in range(int((end - begin) / step) + 1)]
        values = [[at, "0" if self.is_outage(at) else "1"] for at in moments if at > self.now - WATCHED]
        result = [{"metric": {}, "values": values}] if values else []
        return 200, {"status": "success", "data": {"resultType": "matrix", "result": result}}

    def is_outage(self, at: float) -> bool:
        return self.now - OUTAGE[0] <= at < self.now - OUTAGE[1]

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def prometheus() -> Iterator[str]:
    FakePrometheus.now, FakePrometheus.asked = time.time(), []
    with ThreadingHTTPServer(("127.0.0.1", 0), FakePrometheus) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_months_are_computed_from_what_it_remembers(prometheus: str, run_module: RunModule) -> None:
    answer = run_module(availability_info, prometheus=prometheus, cluster='ma"in', days=90, step=15)
    assert answer.get("msg") is None
    assert sum(month["down_seconds"] for month in answer["months"]) == pytest.approx(600, abs=15)
    assert sum(month["up_seconds"] for month in answer["months"]) == pytest.approx(WATCHED - 600, abs=30)
    assert answer["months"][-1]["backups"] == {"backups": 3, "drills": None, "rpo_seconds": None}
    assert "# Availability of" in answer["markdown"]
    assert "<svg" in answer["html"]
    ranges = [query for query in FakePrometheus.asked if query.startswith("(max(haproxy")]
    assert len(ranges) == -(-(90 * 86400 // 15 + 1) // MOST_POINTS)
    assert all('cluster="ma\\"in"' in query for query in FakePrometheus.asked)


def test_a_prometheus_that_is_away_is_said(run_module: RunModule) -> None:
    assert "http://127.0.0.1:1" in run_module(availability_info, prometheus="http://127.0.0.1:1", cluster="main")["msg"]
