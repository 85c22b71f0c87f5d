# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets of a recovery: how they are written, and how PostgreSQL's log tells that one was reached."""

from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.recovery import (
    parse_target,
    reached,
    read_arrival,
)

PAUSE = {"recovery_target_timeline": "latest", "recovery_target_action": "pause"}


@pytest.mark.parametrize(
    ("told", "settings"),
    [
        ("time:2026-12-01T03:00:00+01:00", {"recovery_target_time": "2026-12-01T02:00:00+00:00"}),
        ("time:2026-12-01 02:00:00.5Z", {"recovery_target_time": "2026-12-01T02:00:00.500000+00:00"}),
        ("xid:0745", {"recovery_target_xid": "745"}),
        ("lsn:0/05000060", {"recovery_target_lsn": "0/5000060"}),
        ("name:before: the upgrade", {"recovery_target_name": "before: the upgrade"}),
    ],
)
def test_a_target_becomes_parameters(told, settings):
    target = parse_target(told)
    assert target.settings == {**PAUSE, **settings, "recovery_target_inclusive": "on"}
    assert parse_target(target.told) == target


def test_what_has_no_value():
    assert parse_target("latest").settings == PAUSE
    assert parse_target("immediate").settings == {**PAUSE, "recovery_target": "immediate"}


def test_just_before_and_on_another_timeline():
    settings = parse_target("xid:745", inclusive=False, timeline="3").settings
    assert (settings["recovery_target_inclusive"], settings["recovery_target_timeline"]) == ("off", "3")


@pytest.mark.parametrize(
    "told",
    ["", "now", "time:", "time:yesterday", "xid:", "xid:2", "xid:-3", "xid:99999999999999999999", "xid:٣٣٣", "lsn:5",
     "lsn:0/xyz", "name:", "name:" + "x" * 64, "name:a\nb", "latest:1", "immediate:", "backup:x"],
)  # fmt: skip
def test_what_is_no_target(told):
    with pytest.raises(Refused):
        parse_target(told)


@pytest.mark.parametrize("timeline", ["0", "-1", "newest", "4294967296", ""])
def test_what_is_no_timeline(timeline):
    with pytest.raises(Refused, match="neither a number nor latest"):
        parse_target("latest", timeline=timeline)


class TestZone:
    def test_a_time_without_one_is_refused(self):
        with pytest.raises(Refused, match="has no zone"):
            parse_target("time:2026-12-01T03:00:00")

    def test_it_can_be_stated(self):
        told = parse_target("time:2026-07-01T03:00:00", zone="Europe/Berlin").told
        assert told == "time:2026-07-01T01:00:00+00:00"

    def test_what_is_written_wins(self):
        assert parse_target("time:2026-07-01T03:00:00Z", zone="Europe/Berlin").told == "time:2026-07-01T03:00:00+00:00"

    @pytest.mark.parametrize("told", ["2026-10-25T02:30:00", "2026-03-29T02:30:00"])
    def test_an_hour_that_comes_twice_or_never_is_refused(self, told):
        with pytest.raises(Refused, match="twice or never"):
            parse_target(f"time:{told}", zone="Europe/Berlin")

    @pytest.mark.parametrize("zone", ["Middle/Earth", "../etc/passwd", "/etc/localtime"])
    def test_an_unknown_one_is_refused(self, zone):
        with pytest.raises(Refused, match="is not known here"):
            parse_target("time:2026-07-01T03:00:00", zone=zone)


LINE = "2026-12-01 02:00:00.000 UTC [71] {}\n"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            "time:2026-12-01T02:00:00Z",
            "recovery stopping before commit of transaction 746, time 2026-12-01 02:00:01+00",
        ),
        ("xid:745", "recovery stopping after commit of transaction 745, time 2026-12-01 02:00:01+00"),
        ("xid:4294968041", "recovery stopping before abort of transaction 745, time 2026-12-01 02:00:01+00"),
        ("lsn:0/5000060", 'recovery stopping before WAL location (LSN) "0/5000060"'),
        ("name:x", 'recovery stopping at restore point "x", time 2026-12-01 02:00:01+00'),
        ("immediate", "recovery stopping after reaching consistency"),
    ],
)
def test_the_log_tells_that_the_target_was_reached(told, said):
    log = LINE.format("LOG:  consistent recovery state reached at 0/5000000") + LINE.format(f"LOG:  {said}")
    arrival = read_arrival(log)
    assert arrival.stopped == said
    assert arrival.consistent
    assert reached(arrival, parse_target(told))
    assert not reached(read_arrival(log.replace("LOG:  recovery stopping", "LOG:  restored")), parse_target(told))


def test_another_target_is_not_this_one():
    arrival = read_arrival(LINE.format("LOG:  recovery stopping after commit of transaction 7450, time x"))
    assert not reached(arrival, parse_target("xid:745"))
    assert not reached(arrival, parse_target("name:x"))


def test_the_log_ended_before_the_target():
    log = LINE.format("FATAL:  the database system is starting up")
    assert read_arrival(log).fatal == ""
    log += LINE.format("FATAL:  recovery ended before configured recovery target was reached")
    arrival = read_arrival(log)
    assert (arrival.short, arrival.stopped) == (True, "")
    assert arrival.fatal.startswith("recovery ended before")


def test_a_pause_for_another_reason_is_no_arrival():
    log = LINE.format("WARNING:  hot standby is not possible because of insufficient parameter settings")
    log += LINE.format(
        "DETAIL:  max_connections = 100 is a lower setting than on the primary server, where its value was 200."
    )
    assert read_arrival(log).insufficient.startswith("max_connections = 100")
