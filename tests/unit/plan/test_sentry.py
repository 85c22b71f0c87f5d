# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a member whose disk hangs may end its own leadership, and for how long a disk has hung."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.sentry import (
    LONGEST_TICK,
    Stillness,
    SyncSet,
    View,
    is_fit,
    objection,
)

QUORUM = SyncSet("pg1", ("pg2", "pg3"), needed=2)
DUE = View("pg1", "pg1", paused=False, sync=QUORUM, fit={"pg2", "pg3"})
STREAMS = {"state": "running", "role": "replica", "replication_state": "streaming"}


def test_a_leader_whose_standbys_are_there_may():
    assert objection(DUE) == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"leader": ""}, "nobody leads"),
        ({"leader": "pg2"}, "pg2 leads"),
        ({"paused": True}, "Patroni is paused"),
        ({"strays": True}, "PostgreSQL runs outside of patroni.service"),
        ({"strays": None}, "it is not known whether PostgreSQL runs in patroni.service"),
        ({"sync": SyncSet()}, "no standby is known to have everything"),
        ({"sync": SyncSet("pg1")}, "no standby is known to have everything"),
        ({"sync": replace(QUORUM, leader="pg2")}, "no standby is known to have everything"),
        ({"fit": {"pg2"}}, "of pg2, pg3 too few are fit to take over (1 of 2)"),
        ({"sync": SyncSet("pg1", ("pg2",)), "fit": {"pg3"}}, "of pg2 too few are fit to take over (0 of 1)"),
    ],
)
def test_what_speaks_against_it(change, told):
    assert objection(replace(DUE, **change)).startswith(told)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ('{"leader":"pg1","sync_standby":"pg2,pg3","quorum":1}', QUORUM),
        ('{"leader":"pg1","sync_standby":"pg2","quorum":0}', SyncSet("pg1", ("pg2",), 1)),
        ('{"leader":"pg1","sync_standby":"pg2"}', SyncSet("pg1", ("pg2",), 1)),
        ('{"leader":"pg1","sync_standby":null,"quorum":0}', SyncSet("pg1")),
        ('{"leader":null,"sync_standby":null}', SyncSet()),
        ('{"leader":"pg1","sync_standby":["pg2"]}', SyncSet()),
        ("[]", SyncSet()),
        ("", SyncSet()),
    ],
)
def test_the_key_of_synchronous_standbys(text, parsed):
    assert SyncSet.parse(text) == parsed


@pytest.mark.parametrize(
    ("change", "fit"),
    [
        ({}, True),
        ({"replication_state": "in archive recovery"}, False),
        ({"state": "starting"}, False),
        ({"state": None}, False),
        ({"role": "primary"}, False),
        ({"pause": True}, False),
        ({"tags": {"nofailover": True}}, False),
        ({"tags": {"failover_priority": 0}}, False),
        ({"tags": {"clonefrom": True, "failover_priority": 2}}, True),
        ({"tags": "none"}, True),
    ],
)
def test_who_may_take_over(change, fit):
    assert is_fit({**STREAMS, **change}, True) is fit


def test_an_older_patroni_does_not_tell_who_streams():
    assert is_fit({"state": "running", "role": "replica"}, True)


def test_nobody_streams_from_a_postgresql_that_has_ended():
    assert is_fit({**STREAMS, "replication_state": "in archive recovery"}, False)


def stood_still(*looks: tuple[float, bool, bool]) -> float:
    still = Stillness(10.0)
    for look in looks:
        still = still.after(*look)
    return still.seconds


@pytest.mark.parametrize(
    ("looks", "seconds"),
    [
        ([], 0.0),
        ([(10.25, False, True), (10.5, False, True)], 0.5),
        ([(10.25, False, True), (10.5, True, True)], 0.0),
        ([(10.25, False, True), (10.5, True, True), (10.75, False, True)], 0.25),
        ([(10.25, False, True), (10.5, False, False), (10.75, False, True)], 0.5),
        ([(10.25, False, False), (15.0, False, False)], 0.0),
        ([(70.0, False, True)], LONGEST_TICK),
        ([(9.0, False, True)], 0.0),
    ],
    ids=["none", "stuck", "slow", "stuck again", "late once", "late", "stood still itself", "clock"],
)
def test_only_what_was_seen_stuck_counts(looks, seconds):
    assert stood_still(*looks) == pytest.approx(seconds)
