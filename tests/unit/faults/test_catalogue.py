# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A schedule of faults is repeated by its seed; every fault has a test that is named after it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from faults.catalogue import FAULTS, schedule

SCENARIO = Path(__file__).resolve().parents[3] / "molecule" / "faults" / "tests"


def names(seed, length):
    return [name for name, _fault in schedule(seed, length)]


def test_a_seed_always_means_the_same():
    assert names(7, 4) == names(7, 4)
    assert len({tuple(names(seed, 4)) for seed in range(20)}) > 10


def test_no_fault_comes_again_before_all_others():
    assert sorted(names(1, len(FAULTS))) == sorted(FAULTS)
    assert len(names(1, len(FAULTS) + 1)) == len(FAULTS) + 1


@pytest.mark.skipif(not SCENARIO.exists(), reason="the scenario is not here")
def test_every_fault_has_a_test_of_its_name():
    tested = re.findall(
        r"^def test_([A-Z]\d\d)_", "".join(map(Path.read_text, SCENARIO.glob("test_*.py"))), re.MULTILINE
    )
    assert set(FAULTS) <= set(tested)
