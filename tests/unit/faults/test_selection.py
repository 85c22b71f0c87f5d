# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of the scenario consists of, and that a soak is repeated by its seed."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

import pytest
from faults.selection import SHORT, WHICH, selected
from faults.soak import LONGEST, SHORTEST, rounds

SCENARIO = Path(__file__).resolve().parents[3] / "molecule" / "faults" / "tests"
RANDOM, SOAK = "test_random_faults[seed-7]", "test_soak[seed-7]"
USUAL, RARE = "test_A01_postmaster_killed", "test_C06_etcd_on_slow_disks"


@pytest.mark.parametrize(
    ("which", "tests"),
    [("short", {USUAL}), ("all", {USUAL, RARE, RANDOM}), ("random", {RANDOM}), ("soak", {SOAK})],
)
def test_each_kind_of_run_has_its_tests(which, tests):
    assert {test for test in (USUAL, RARE, RANDOM, SOAK) if selected(test, which)} == tests


def test_one_of_several_moments_is_enough_for_a_short_run():
    assert [
        moment
        for moment in ("0.15", "0.4")
        if selected(f"test_J01_operator_dies_during_a_deployment[main-{moment}]", "short")
    ] == ["0.4"]


def test_a_short_run_puts_the_checker_to_the_test():
    """As pytest names it, with the cluster that it runs on."""
    assert selected("test_local_commits_are_found_out[main]", "short")
    assert not selected("test_somebody_else[main]", "short")


def test_no_such_kind_of_run():
    with pytest.raises(ValueError, match=", ".join(WHICH)):
        selected(USUAL, "long")


@pytest.mark.skipif(not SCENARIO.exists(), reason="the scenario is not here")
def test_what_a_short_run_names_is_there():
    tests = re.findall(r"^def (test_\w+)", "".join(map(Path.read_text, SCENARIO.glob("test_*.py"))), re.MULTILINE)
    ids, names = SHORT
    assert set(ids.split()) <= {test[5:8] for test in tests}
    assert {name.partition("[")[0] for name in names} <= set(tests)


def test_a_seed_always_means_the_same_soak():
    assert list(islice(rounds(7), 20)) == list(islice(rounds(7), 20))
    assert len({tuple(islice(rounds(seed), 3)) for seed in range(20)}) > 10


def test_a_soak_has_single_and_double_faults_of_bounded_length():
    drawn = list(islice(rounds(1), 50))
    assert 10 < sum(bool(each.second) for each in drawn) < 40
    assert all(SHORTEST <= each.seconds <= LONGEST for each in drawn)
