# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import DIFFERENTIAL, FULL
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import SEGMENT_BYTES, Fork, Segment
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_policy import (
    expired,
    kept_days,
    restorable,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_report import Archiver, report
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_repository import (
    not_ready,
    refuse_unshared,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_wal import (
    missing_since,
    reach,
    stretches,
    way_to,
)
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.backups import (
    NOON,
    S3,
    SYSTEM,
    backup,
    catalog,
    settings,
    wal,
)

# Timeline 2 begins in segment 7 of timeline 1, timeline 3 in segment 9 of timeline 2.
SECOND = (Fork(1, 7 * SEGMENT_BYTES + 500),)
THIRD = (*SECOND, Fork(2, 9 * SEGMENT_BYTES + 500))
HISTORIES = {2: SECOND, 3: THIRD}
BEFORE = NOON - timedelta(hours=1)
LATER = NOON + timedelta(hours=1)


class TestWays:
    def test_a_way_leads_over_the_ancestors(self):
        way = way_to(catalog(histories=HISTORIES), 3)
        assert [way.holds(n).timeline for n in (0, 6, 7, 8, 9, 99)] == [1, 1, 2, 2, 3, 3]
        assert way.timelines == (1, 2, 3)
        assert [way.ends(timeline) for timeline in (1, 2, 3)] == [7, 9, None]

    def test_a_whole_way_over_three_timelines_lacks_nothing(self):
        segments = [*wal(1, range(4, 7)), *wal(2, [7, 8]), *wal(3, [9, 10])]
        held = catalog([backup("a", BEFORE)], segments, HISTORIES)
        assert missing_since(held, held.backups[0], LATER) == ()

    @pytest.mark.parametrize("lost", [(1, 5), (1, 6), (2, 7), (2, 8), (3, 9)])
    def test_each_segment_on_it_is_missed(self, lost):
        segments = [*wal(1, range(4, 7)), *wal(2, [7, 8]), *wal(3, [9, 10])]
        held = catalog([backup("a", BEFORE)], [s for s in segments if s.segment != Segment(*lost)], HISTORIES)
        assert missing_since(held, held.backups[0], LATER) == (Segment(*lost),)

    def test_what_a_lost_leader_wrote_beyond_the_fork_does_not_stand_in(self):
        held = catalog([backup("a", BEFORE)], [*wal(1, range(4, 9)), *wal(2, [8])], {2: SECOND})
        assert missing_since(held, held.backups[0], LATER) == (Segment(2, 7),)

    def test_the_newest_segment_may_still_be_on_its_way(self):
        held = catalog([backup("a", BEFORE)], wal(1, [4, 5]))
        assert missing_since(held, held.backups[0], LATER) == ()

    def test_one_that_the_next_has_overtaken_is_missed_after_a_minute(self):
        held = catalog([backup("a", BEFORE)], [*wal(1, [4], at=BEFORE), *wal(1, [6], at=NOON)])
        assert missing_since(held, held.backups[0], NOON + timedelta(seconds=59)) == ()
        assert missing_since(held, held.backups[0], NOON + timedelta(minutes=1)) == (Segment(1, 5),)

    def test_a_backup_of_a_branch_that_was_left_lacks_nothing_of_the_other(self):
        branch = {3: (Fork(1, 5 * SEGMENT_BYTES),)}
        held = catalog([backup("a", BEFORE, 6, timeline=2)], [*wal(2, [6]), *wal(3, [5, 6])], branch)
        assert missing_since(held, held.backups[0], LATER) == ()

    def test_nothing_is_missed_where_nothing_is(self):
        held = catalog([backup("a", BEFORE)])
        assert missing_since(held, held.backups[0], LATER) == ()


def test_stretches_end_where_a_segment_is_missing() -> None:
    found = list(stretches(catalog(segments=[*wal(1, [4, 5, 7]), *wal(2, [7, 8]), *wal(2, [8], repository=2)])))
    told = [(s.repository, s.first.timeline, s.first.number, s.last.number) for s in found]
    assert told == [(1, 1, 4, 5), (1, 1, 7, 7), (1, 2, 7, 8), (2, 2, 8, 8)]


class TestReach:
    def test_up_to_the_last_segment_before_the_first_that_is_missing(self):
        held = catalog([backup("a", BEFORE)], wal(1, [4, 5, 7]))
        assert reach(held, held.backups[0]) == NOON + timedelta(minutes=1)

    def test_without_its_own_wal_it_is_worth_nothing(self):
        held = catalog([backup("a", BEFORE, stop_lsn=5 * SEGMENT_BYTES + 1)], wal(1, [4, 6]))
        assert reach(held, held.backups[0]) is None
        assert restorable(held) == ()

    def test_a_backup_that_ends_at_a_segments_end_needs_no_other(self):
        held = catalog([backup("a", BEFORE, stop_lsn=5 * SEGMENT_BYTES)], wal(1, [4]))
        assert reach(held, held.backups[0]) is not None


class TestRestorable:
    def test_what_it_builds_on_must_be_there(self):
        full, change = backup("f", BEFORE), backup("d", NOON, kind=DIFFERENTIAL, required=("f",))
        assert restorable(catalog([full, change], wal(1, [4]))) == (full, change)
        assert restorable(catalog([change], wal(1, [4]))) == ()

    def test_a_faulty_one_counts_for_nothing_and_neither_does_what_builds_on_it(self):
        full = backup("f", BEFORE, faulty=True)
        change = backup("d", NOON, kind=DIFFERENTIAL, required=("f",))
        assert restorable(catalog([full, change], wal(1, [4]))) == ()

    def test_wal_of_another_repository_does_not_help(self):
        assert restorable(catalog([backup("f", BEFORE)], wal(1, [4], repository=2))) == ()


class TestPolicy:
    @staticmethod
    def days_old(*ages):
        return [backup(f"{age}", NOON - timedelta(days=age)) for age in ages]

    @pytest.mark.parametrize(
        ("ages", "gone"),
        [
            ([], []),
            ([0], []),
            ([100], []),
            ([100, 90], ["100"]),
            ([40, 31, 20], ["40"]),
            ([40, 29], []),
            ([31, 30, 29], ["31"]),
        ],
    )
    def test_the_newest_that_is_old_enough_stays(self, ages, gone):
        assert [b.label for b in expired(catalog(self.days_old(*ages)), 30, NOON)] == gone

    def test_what_builds_on_one_goes_with_it(self):
        old, newer = self.days_old(50, 40)
        change = backup("d", NOON - timedelta(days=49), kind=DIFFERENTIAL, required=("50",))
        assert [b.label for b in expired(catalog([old, change, newer]), 30, NOON)] == ["50", "d"]

    def test_one_that_cannot_be_restored_takes_no_sound_ones_place(self):
        sixty, fifty, forty, ten = self.days_old(60, 50, 40, 10)
        held = catalog([sixty, fifty, replace(forty, faulty=True), ten], wal(1, [4]))
        assert [b.label for b in expired(held, 30, NOON)] == []
        assert kept_days(held, 30, NOON) == 51
        assert [b.label for b in expired(held, 5, NOON)] == ["60", "50", "40"]

    def test_where_none_of_that_age_is_sound_the_declared_days_count(self):
        forty, thirty, ten = self.days_old(40, 35, 10)
        held = catalog([replace(forty, faulty=True), replace(thirty, faulty=True), ten], wal(1, [4]))
        assert kept_days(held, 30, NOON) == 30
        assert [b.label for b in expired(held, 30, NOON)] == ["40"]

    def test_never_the_last_that_can_be_restored(self):
        """Any ages, any policy: of a repository with a full backup one is left that is old enough, or all of them."""
        chance = random.Random(3)
        for _case in range(500):
            backups = self.days_old(*sorted(chance.sample(range(60), chance.randint(1, 8)), reverse=True))
            keep = chance.randint(1, 40)
            gone = expired(catalog(backups), keep, NOON)
            left = [b for b in backups if b not in gone]
            assert left
            horizon = NOON - timedelta(days=keep)
            assert not gone or any(b.kind == FULL and b.stopped <= horizon for b in left)


class TestRepositories:
    def test_one_that_is_ours_is_ready(self):
        assert not_ready(catalog(), settings(), SYSTEM) == ()

    def test_one_that_is_nobodys_is_not(self):
        two = settings(repositories=[S3, {**S3, "path": "/two"}])
        assert not_ready(catalog(systems={2: SYSTEM}), two, SYSTEM) == (1,)

    def test_one_that_cannot_be_read_is_no_new_one(self):
        assert not_ready(catalog(systems={}, problems={1: "x"}), settings(), SYSTEM) == ()

    @pytest.mark.parametrize(("ours", "advice"), [("1", "path of its own"), ("", "restore that one's data")])
    def test_another_clusters_is_refused(self, ours, advice):
        with pytest.raises(Refused, match=f"backups of another PostgreSQL.*{advice}"):
            not_ready(catalog(), settings(), ours)

    def test_one_that_this_member_does_not_see_is_refused(self):
        refuse_unshared((), settings())
        with pytest.raises(Refused, match=r"sees nothing of /mnt/backups.*mount the same directory"):
            refuse_unshared((1,), settings(repositories=[{"type": "directory", "path": "/mnt/backups"}]))


class TestReport:
    HELD = catalog([backup("a", NOON - timedelta(minutes=10))], wal(1, [4, 5]))

    def test_the_newest_moment_is_when_the_last_segment_came(self):
        told = report(settings(), self.HELD, None, NOON + timedelta(minutes=3))
        assert (told["restorable_from"], told["restorable_until"]) == ("2026-11-20T11:50:00Z", "2026-11-20T12:01:00Z")
        assert told["rpo_seconds"] == 120
        assert told["newest_age_seconds"] == 780

    @pytest.mark.parametrize(
        ("archiver", "lost"),
        [
            (Archiver(Segment(1, 5), 6 * SEGMENT_BYTES + 40, 0), 0),
            (Archiver(Segment(1, 5), 6 * SEGMENT_BYTES + 400, 0), 120),
            (Archiver(Segment(1, 5), 6 * SEGMENT_BYTES + 40, 1), 120),
            (Archiver(None, 40, 0), 120),
        ],
    )
    def test_nothing_is_lost_when_the_leader_has_archived_all(self, archiver, lost):
        assert report(settings(), self.HELD, archiver, NOON + timedelta(minutes=3))["rpo_seconds"] == lost

    def test_without_a_backup_nothing_can_be_restored(self):
        told = report(settings(), catalog(segments=wal(1, [4])), None, NOON)
        nothing = ("restorable_from", "restorable_until", "rpo_seconds", "newest", "newest_age_seconds")
        assert [told[name] for name in nothing] == [None] * 5

    def test_each_backup_tells_what_becomes_of_it(self):
        old = [backup("x", NOON - timedelta(days=60)), backup("y", NOON - timedelta(days=40))]
        told = report(settings(), catalog(old, wal(1, [4])), None, NOON)["backups"]
        assert [(b["label"], b["restorable"], b["would_expire"]) for b in told] == [
            ("x", True, True),
            ("y", True, False),
        ]

    def test_a_gap_is_told(self):
        held = catalog([backup("a", BEFORE)], wal(1, [4, 6]))
        assert report(settings(), held, None, LATER)["repositories"][0]["missing_wal"] == ["000000010000000000000005"]
