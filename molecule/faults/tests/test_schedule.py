"""Faults one after another in an order that nobody chose. MATRIARCH_FAULTS_SEED repeats one, as its test's id says."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
from faults.catalogue import schedule
from faults.verdict import Verdict

Happens = Callable[..., Verdict]
SEED = int(os.environ.get("MATRIARCH_FAULTS_SEED") or time.time())
LENGTH = int(os.environ.get("MATRIARCH_FAULTS_LENGTH", "3"))


@pytest.mark.parametrize("seed", [SEED], ids=lambda seed: f"seed-{seed}")
def test_random_faults(happens: Happens, seed: int) -> None:
    found = {
        f"{number} {name}": list(map(str, happens(fault).problems))
        for number, (name, fault) in enumerate(schedule(seed, LENGTH), 1)
    }
    assert {name: problems for name, problems in found.items() if problems} == {}
