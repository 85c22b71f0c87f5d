# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import SEGMENT_BYTES, Fork, Segment
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.replica_source import (
    AUTO,
    REPOSITORY,
    SMALL,
    choose,
)
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.backups import NOON, backup, catalog, wal

LARGE = 3 * SMALL
THIRD = SMALL // SEGMENT_BYTES  # segments that are a third of LARGE


def large(label="a", ended=NOON, number=4, **changes):
    return backup(label, ended, number, size=LARGE, **changes)


def test_the_newest_one_that_leads_there():
    held = catalog([large(), large("b", NOON + timedelta(hours=1), 8)], wal(1, range(4, 12)))
    choice = choose(held, AUTO, 1)
    assert choice.backup.label == "b"
    assert choice.segments == tuple(Segment(1, number) for number in range(8, 12))
    assert choice.wal_bytes == 4 * SEGMENT_BYTES


@pytest.mark.parametrize(
    ("segments", "size", "words"),
    [
        (2, SMALL - 1, "1024.0 MiB is less than 1.0 GiB"),
        (THIRD + 1, LARGE, "more than a third of 3.0 GiB"),
    ],
)
def test_the_leader_is_the_shorter_way(segments, size, words):
    held = catalog([backup("a", NOON, 4, size=size)], wal(1, range(4, 4 + segments)))
    with pytest.raises(Refused, match=words):
        choose(held, AUTO, 1)
    assert choose(held, REPOSITORY, 1).backup.label == "a"
    assert choose(held, AUTO, None).backup.label == "a"  # nobody leads


def test_a_third_is_not_too_much():
    assert choose(catalog([large()], wal(1, range(4, 4 + THIRD))), AUTO, 1)


def test_over_a_promotion_the_segments_of_the_new_timeline_count():
    histories = {2: (Fork(1, 6 * SEGMENT_BYTES + 500),)}
    held = catalog([large()], [*wal(1, range(4, 7)), *wal(2, range(6, 9))], histories)
    choice = choose(held, AUTO, 2)
    assert choice.way.timelines == (1, 2)
    assert choice.segments == (Segment(1, 4), Segment(1, 5), Segment(2, 6), Segment(2, 7), Segment(2, 8))


@pytest.mark.parametrize(
    ("held", "timeline"),
    [
        pytest.param(catalog(), 1, id="nothing there"),
        pytest.param(catalog([large()], wal(1, [4, 6])), 1, id="a gap"),
        pytest.param(catalog([large(faulty=True)], wal(1, [4])), 1, id="bad pages"),
        pytest.param(catalog([large()], wal(1, [4, 5])), 2, id="no history of the leader's timeline yet"),
        pytest.param(
            catalog([large(number=7)], [*wal(1, range(4, 8)), *wal(2, [6])], {2: (Fork(1, 6 * SEGMENT_BYTES + 9),)}),
            2,
            id="after the cluster went another way",
        ),
    ],
)
def test_no_backup_leads_there(held, timeline):
    with pytest.raises(Refused, match="no backup leads to where the cluster is"):
        choose(held, REPOSITORY, timeline)


def test_each_repository_by_itself():
    """WAL of one and the backup of another are no way."""
    held = catalog([large()], [*wal(1, [4]), *wal(1, [4, 5, 6], repository=2)])
    assert choose(held, AUTO, 1).segments == (Segment(1, 4),)
