# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may have a leader's host fenced, and how long a silence lasts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.fencing import (
    LARGEST_PAUSE,
    Silence,
    View,
    objection,
)

DUE = View("pg2", ("pg1", "pg2", "pg3"), "pg1", silent_seconds=2.0, is_said=True, others=1, others_suspecting=1)


def test_a_silent_leader_is_fenced():
    assert objection(DUE, 2.0) == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"leader": ""}, "nobody leads"),
        ({"leader": "pg2"}, "this member leads"),
        ({"leader": "pg9"}, "pg9 is no member that the inventory knows"),
        ({"silent_seconds": 1.9}, "pg1 has been silent for 1.9 of 2.0 s"),
        ({"paused": True}, "Patroni is paused"),
        ({"is_said": False}, "nobody has looked since etcd answers"),
        ({"others_suspecting": 0}, "only 0 of 1 other members find pg1 silent as well"),
        ({"fencer": "pg3"}, "pg3 is at it"),
    ],
)
def test_what_speaks_against_it(change, told):
    assert objection(replace(DUE, **change), 2.0).startswith(told)


@pytest.mark.parametrize(
    ("others", "suspecting", "may"),
    [(0, 0, True), (1, 1, True), (1, 0, False), (2, 1, False), (2, 2, True), (3, 1, False), (3, 2, True)],
)
def test_most_of_the_others_have_to_find_it_silent_as_well(others, suspecting, may):
    assert (objection(replace(DUE, others=others, others_suspecting=suspecting), 2.0) == "") is may


def looks(*each):
    """The silence after those looks: whom, begin, end, whether anything answered."""
    silence = Silence()
    for look in each:
        silence = silence.after(*look)
    return silence.seconds


@pytest.mark.parametrize(
    ("seen", "seconds"),
    [
        ([], 0.0),
        ([("pg1", 10.0, 10.1, True)], 0.0),
        ([("pg1", 10.0, 10.5, False)], 0.5),
        ([("pg1", 10.0, 10.5, False), ("pg1", 11.0, 11.5, False)], 1.5),
        ([("pg1", 10.0, 10.5, False), ("pg1", 11.0, 11.1, True)], 0.0),
        ([("pg1", 10.0, 10.5, False), ("pg1", 11.0, 11.1, True), ("pg1", 12.0, 12.5, False)], 0.5),
        ([("pg1", 10.0, 10.5, False), ("pg3", 11.0, 11.5, False)], 0.5),
        ([("pg1", 10.0, 10.5, False), ("pg1", 10.6 + LARGEST_PAUSE, 14.0, False)], 0.4),
    ],
    ids=["none", "alive", "once", "twice", "alive again", "silent again", "another leads", "stood still itself"],
)
def test_a_silence_lasts_from_the_first_look_to_the_last(seen, seconds):
    assert looks(*seen) == pytest.approx(seconds)
