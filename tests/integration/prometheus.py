"""The scenario's Prometheus, asked on its own host."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
from lab import Lab

HOST = "mon1"
ASK = "import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())"


class Prometheus:
    """Its HTTP interface listens on loopback only."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def get(self, path: str) -> Any:
        done = self._lab.execute(HOST, "python3", "-c", ASK, f"http://127.0.0.1:9090/api/v1/{path}")
        return json.loads(done.stdout)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Each with `metric` (the labels) and `value`."""
        found: list[dict[str, Any]] = self.get(f"query?query={quote(expression)}")["result"]
        return found

    def value(self, expression: str) -> float:
        (one,) = self.query(expression)
        return float(one["value"][1])

    def firing(self) -> dict[str, dict[str, Any]]:
        """The alerts that are told to people now, by name."""
        return {each["labels"]["alertname"]: each for each in self.get("alerts")["alerts"] if each["state"] == "firing"}

    def names(self) -> set[str]:
        """Every metric that it knows of."""
        return set(self.get("label/__name__/values"))

    def wait(self, what: str, seconds: float, probe: Callable[[], bool]) -> float:
        """For how long it took until so."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            with suppress(ValueError):  # no answer yet, or no such series
                if probe():
                    return time.monotonic() - began
            time.sleep(1)
        pytest.fail(f"not within {seconds:.0f} s: {what}; firing: {sorted(self.firing())}")


@pytest.fixture(scope="session")
def prometheus(lab: Lab) -> Prometheus:
    return Prometheus(lab)
