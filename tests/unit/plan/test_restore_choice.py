# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backup leads to a target, and what is said when none does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.archive import Archive, BackupSet, Fork, Gap
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.recovery import RecoveryTarget, parse_target
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.restore_choice import choose_backup

DAY = datetime(2026, 12, 1, tzinfo=UTC)


def at(hour: float) -> datetime:
    return DAY + timedelta(hours=hour)


def backup(label: str, hour: float, begin: int, timeline: int = 1) -> BackupSet:
    return BackupSet(label, at(hour), begin, begin + 10, timeline, system_identifier="7")


# Timeline 1 was left at 350 for timeline 2 (a failover); 3 was made of 2 at 450 (a restore), and 2 went on to 600.
BACKUPS = (
    backup("first", 1, 100),
    backup("second", 2, 200),
    backup("third", 4, 400, 2),
    backup("lost", 5, 500, 2),
    backup("last", 7, 700, 3),
)
ARCHIVE = Archive(
    ends={1: 360, 2: 600, 3: 900},
    histories={2: (Fork(1, 350),), 3: (Fork(1, 350), Fork(2, 450))},
    newest_at=at(9),
)  # fmt: skip


def time(hour: float, **changed: Any) -> RecoveryTarget:
    return replace(parse_target(f"time:{at(hour).isoformat()}"), **changed)


@pytest.mark.parametrize(
    ("target", "label", "timeline"),
    [
        (time(8), "last", 3),
        (time(7), "last", 3),
        (time(6.9), "third", 3),
        (time(3), "second", 3),
        (time(1), "first", 3),
        (time(6, timeline="2"), "lost", 2),
        (time(6, timeline="1"), "second", 1),
        (parse_target("latest"), "last", 3),
        (parse_target("latest", timeline="2"), "lost", 2),
        (parse_target("immediate"), "last", 3),
        (replace(parse_target("lsn:0/1"), position=710), "last", 3),
        (replace(parse_target("lsn:0/1"), position=709), "third", 3),
        (replace(parse_target("lsn:0/1"), position=110), "first", 3),
    ],
)
def test_the_newest_that_ended_before_the_target_and_lies_on_its_way(target, label, timeline):
    choice = choose_backup(BACKUPS, ARCHIVE, target, system_identifier="7", now=at(10))
    assert (choice.backup.label, choice.timeline) == (label, timeline)
    assert choice.reason


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (time(0.5), "first: it ended after the target, at 2026-12-01T01:00:00"),
        (time(9.5), "the log reaches 2026-12-01T09:00:00+00:00, and ends before the target"),
        (time(11), "lies in the future"),
        (replace(parse_target("lsn:0/1"), position=105), "it ended after the target, at 0/6E"),
        (replace(parse_target("lsn:0/1"), position=901), "the log reaches 0/384 on timeline 3"),
        (parse_target("xid:745"), "-e backup=LABEL. Available, the newest first: last"),
        (parse_target("name:x"), "stands in the log alone"),
        (parse_target("latest", timeline="4"), "the archive has no timeline 4; it has 1, 2, 3"),
    ],
)
def test_refused_with_what_is_available(target, told):
    with pytest.raises(Refused) as refused:
        choose_backup(BACKUPS, ARCHIVE, target, system_identifier="7", now=at(10))
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("named", "target", "told"),
    [
        ("nothing", "latest", "there is no backup 'nothing'. Available, the newest first: last (full, ended 2026"),
        ("lost", "latest", "it is on timeline 2 at 0/1FE, which the way to timeline 3 does not pass"),
        ("last", "time:2026-12-01T06:00:00Z", "it ended after the target"),
    ],
)
def test_a_named_backup_is_refused_when_it_does_not_lead_there(named, target, told):
    with pytest.raises(Refused) as refused:
        choose_backup(BACKUPS, ARCHIVE, parse_target(target), named=named)
    assert told in str(refused.value)


@pytest.mark.parametrize("target", ["xid:745", "name:x", "latest", "immediate", "time:2026-12-01T08:00:00Z"])
def test_a_named_backup_is_taken(target):
    assert choose_backup(BACKUPS, ARCHIVE, parse_target(target), named="second").backup.label == "second"


def test_one_backup_needs_no_name():
    assert choose_backup(BACKUPS[:1], ARCHIVE, parse_target("name:x")).backup.label == "first"


def test_no_backup_at_all():
    with pytest.raises(Refused, match="there is no backup"):
        choose_backup((), ARCHIVE, parse_target("latest"))


def test_another_clusters_backups():
    with pytest.raises(Refused, match="system identifier 7, not 8"):
        choose_backup(BACKUPS, ARCHIVE, parse_target("latest"), system_identifier="8")


def test_what_cannot_be_restored_is_passed_over():
    broken = (*BACKUPS[:4], replace(BACKUPS[4], problem="it has an error"))
    assert choose_backup(broken, ARCHIVE, parse_target("latest")).backup.label == "third"


class TestGap:
    GAPPY = replace(ARCHIVE, gaps=(Gap(3, 600, 650),))

    def test_a_backup_after_it_is_good(self):
        assert choose_backup(BACKUPS, self.GAPPY, parse_target("latest")).backup.label == "last"

    def test_a_position_before_it_is_good(self):
        target = replace(parse_target("lsn:0/1"), position=590)
        assert choose_backup(BACKUPS, self.GAPPY, target).backup.label == "third"

    @pytest.mark.parametrize("target", [parse_target("latest"), replace(parse_target("lsn:0/1"), position=660)])
    def test_a_way_across_is_refused(self, target):
        with pytest.raises(
            Refused, match="the log between it and the target is not whole: 0/258 to 0/28A on timeline 3"
        ):
            choose_backup(BACKUPS[:4], self.GAPPY, target)

    def test_for_a_time_it_is_a_warning_as_only_the_log_knows(self):
        choice = choose_backup(BACKUPS[:4], self.GAPPY, time(6))
        assert choice.backup.label == "third"
        assert "0/258 to 0/28A" in choice.warnings[0]

    def test_what_is_missing_beside_the_way_does_not_matter(self):
        beside = replace(ARCHIVE, gaps=(Gap(2, 460, 470), Gap(1, 352, 355), Gap(1, 0, 90)))
        choice = choose_backup(BACKUPS[:3], beside, time(8))
        assert (choice.backup.label, choice.warnings) == ("third", ())

    def test_the_log_of_the_backup_itself_must_be_there(self):
        with pytest.raises(Refused, match="the log that belongs to it is missing"):
            choose_backup(BACKUPS[-1:], replace(ARCHIVE, ends={3: 705}), parse_target("immediate"))
