# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What repositories and hosts tell, as the plans of a restore want it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.filter.restore import FilterModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.archive import Gap
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import Archived, Backup, Catalog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import Fork, Segment
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.restore_input import archive_of, backups_of

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
SIZE = 16 * 2**20
FILTERS = FilterModule().filters()


def segments(*told: tuple[int, int], repository: int = 1) -> tuple[Archived, ...]:
    return tuple(Archived(Segment(*each), repository, NOON + timedelta(minutes=each[1])) for each in told)


class TestArchive:
    def test_how_far_it_reaches_and_what_is_missing(self):
        kept = segments((1, 4), (1, 5), (1, 8), (2, 8), (2, 9))
        archive = archive_of(Catalog(segments=kept, histories={2: (Fork(1, 8 * SIZE + 5),)}))
        assert archive.ends == {1: 9 * SIZE, 2: 10 * SIZE}
        assert archive.gaps == (Gap(1, 6 * SIZE, 8 * SIZE),)
        assert archive.histories[2][0].end == 8 * SIZE + 5
        assert archive.newest_at == NOON + timedelta(minutes=9, seconds=1)

    def test_another_repository_fills_a_gap(self):
        kept = (*segments((1, 4), (1, 6)), *segments((1, 5), repository=2))
        assert archive_of(Catalog(segments=kept)).gaps == ()

    def test_what_the_leader_knows_counts_more_than_a_repositorys_clock(self):
        archive = archive_of(Catalog(segments=segments((1, 4))), "2026-12-01T13:00:00+00:00", "0/6000000")
        assert archive.newest_at == NOON + timedelta(hours=1)
        assert archive.ends == {1: 6 * SIZE}

    def test_an_empty_one(self):
        archive = archive_of(Catalog())
        assert (archive.ends, archive.newest_at, archive.newest_timeline) == ({}, None, 1)


def test_backups_are_those_of_their_repositorys_cluster():
    made = Backup("20261201F", "full", 2, NOON, NOON, 3, 5, 9, size=7, faulty=True)
    (backup,) = backups_of(Catalog(backups=(made,), systems={1: "7", 2: "8"}))
    assert (backup.label, backup.system_identifier, backup.repository, backup.size) == ("20261201F", "8", 2, 7)
    assert "checksums" in backup.problem


class TestFilters:
    PLACE = {  # noqa: RUF012 # as Ansible gives it
        "data": "former", "prepared": "", "runs": True, "starts": True, "free": 2**40, "is_mount": False,
        "has_tablespaces": False, "system_identifier": "7", "timeline": 1, "restored": {}, "evidence": {},
    }  # fmt: skip

    def places(self, *names):
        return dict.fromkeys(names, self.PLACE)

    def test_a_target(self):
        told = FILTERS["recovery_target"]("time:2026-07-01T03:00:00", zone="Europe/Berlin")
        assert told == {"target": "time:2026-07-01T01:00:00+00:00", "refused": ""}
        assert "has no zone" in FILTERS["recovery_target"]("time:2026-07-01T03:00:00")["refused"]

    def test_a_worker(self):
        assert FILTERS["restore_worker"](self.places("pg1", "pg2"), ["pg1", "pg2"], leader="pg2") == "pg1"

    def test_a_plan(self):
        plan = FILTERS["restore_plan"](self.places("pg1", "pg2"), ["pg1", "pg2"], "pg2", cluster={"leader": "pg1"})
        assert plan["refused"] == []
        assert plan["next"] == plan["steps"][:2]
        assert [step["on"] for step in plan["steps"] if step["action"] == "stop"] == [["pg2", "pg1"]]

    def test_a_silent_host(self):
        plan = FILTERS["restore_plan"](self.places("pg1"), ["pg1", "pg2"], "pg1")
        assert plan["steps"] == []
        assert "pg2 cannot be reached" in plan["refused"][0]

    def test_nonsense(self):
        with pytest.raises(AnsibleFilterError):
            FILTERS["restore_plan"]({"pg1": 5}, ["pg1"], "pg1")
