# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Prometheus on loopback that has watched for a while."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class FakePrometheus:
    """What it remembers, and what it was asked. It refuses what the real one refuses.

    `series` has, by a part of a query, labels and a value or None at a time; what none fits has one series of 1.
    `at` has the answers to questions about one moment, likewise; what none fits has none. Times are in seconds.
    """

    watched: float = 7200.0
    series: dict[str, list[tuple[dict[str, str], Any]]] = field(default_factory=dict)
    at: dict[str, str] = field(default_factory=dict)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    delay: float = 0.0
    now: float = field(default_factory=time.time)
    asked: list[str] = field(default_factory=list)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Answer at the address that this gives."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                place = urlsplit(self.path)
                asked = {name: values[0] for name, values in parse_qs(place.query).items()}
                time.sleep(fake.delay)
                status, body = fake.answer(place.path.rpartition("/")[2], asked)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()

    def answer(self, what: str, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.asked.append(asked.get("query", what))
        if what == "alerts":
            return 200, {"status": "success", "data": {"alerts": self.alerts}}
        return self._range(asked) if what == "query_range" else self._instant(asked)

    def _instant(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        values = [value for part, value in self.at.items() if part in asked["query"]]
        result = [{"metric": {}, "value": [0, value]} for value in values]
        return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}

    def _range(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        begin, end, step = (float(asked[name]) for name in ("start", "end", "step"))
        if (end - begin) / step > 11000:
            return 400, {"status": "error", "error": "exceeded maximum resolution of 11,000 points per timeseries"}
        moments = [begin + step * number for number in range(int((end - begin) / step) + 1)]
        moments = [at for at in moments if at > self.now - self.watched]
        usual: list[tuple[dict[str, str], Any]] = [({}, lambda _: 1)]
        told = next((told for part, told in self.series.items() if part in asked["query"]), usual)
        found = [
            {"metric": labels, "values": [[at, str(value(at))] for at in moments if value(at) is not None]}
            for labels, value in told
        ]
        result = [each for each in found if each["values"]]
        return 200, {"status": "success", "data": {"resultType": "matrix", "result": result}}
