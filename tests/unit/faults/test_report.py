# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of verdicts: runs of a fault in one row, and nothing bad left out."""

from __future__ import annotations

import pytest
from faults.report import HEADINGS, markdown, page, rows


def verdict(test="test_A10_power_cut", gap=20.0, problems=(), whole=2.0, errors=1):
    gaps = {"pooled-rw": gap, "rw": gap + 1}
    return {
        "test": test,
        "problems": list(problems),
        "gaps": gaps,
        "errors": {"rw": errors},
        "seconds_until_whole": whole,
    }


def test_runs_of_a_fault_share_a_row():
    (row,) = rows([verdict(gap=20.0), verdict(gap=22.0), verdict(gap=21.0, whole=5.0)])
    assert row[:3] == ("A10 power cut", "3", "as it must be")
    assert row[3:6] == ("21.0 / 22.0 s", "22.0 / 23.0 s", "-")
    assert row[6:] == ("3", "0", "2.0 / 5.0 s")


def test_what_was_bad_is_said():
    (row,) = rows([verdict(), verdict(problems=["lost: 3 rows", "gap: long"], whole=None)])
    assert (row[2], row[7], row[8]) == ("1 with problems", "in 1 runs", "never")


@pytest.mark.parametrize("shown", [markdown, page])
def test_every_fault_is_shown(shown):
    text = shown(rows([verdict(), verdict("test_B01_leader_isolated")]))
    assert all(word in text for word in (*HEADINGS, "A10 power cut", "B01 leader isolated"))
