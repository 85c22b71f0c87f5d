"""Faults one after another in an order that nobody chose. MATRIARCH_FAULTS_SEED repeats one, as its test's id says."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
from faults.arena import Arena
from faults.catalogue import schedule
from faults.soak import Soak
from faults.verdict import Verdict

Happens = Callable[..., Verdict]
SEED = int(os.environ.get("MATRIARCH_FAULTS_SEED") or time.time())
MINUTES = float(os.environ.get("MATRIARCH_SOAK_MINUTES", "10"))
LENGTH = int(os.environ.get("MATRIARCH_FAULTS_LENGTH", "3"))


@pytest.mark.parametrize("seed", [SEED], ids=lambda seed: f"seed-{seed}")
def test_random_faults(happens: Happens, seed: int) -> None:
    found = {
        f"{number} {name}": list(map(str, happens(fault, test=f"test_random_{name}").problems))
        for number, (name, fault) in enumerate(schedule(seed, LENGTH), 1)
    }
    assert {name: problems for name, problems in found.items() if problems} == {}


@pytest.mark.parametrize("seed", [SEED], ids=lambda seed: f"seed-{seed}")
def test_soak(happens: Happens, tell: Callable[[str], None], seed: int) -> None:
    def soak(arena: Arena, leader: str) -> Soak:
        return Soak(arena, leader, seed, MINUTES, tell)

    assert happens(soak).problems == []
