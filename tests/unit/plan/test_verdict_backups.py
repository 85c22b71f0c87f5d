# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the verdict says of backups; see test_verdict.py for the rest."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.host_report import parse_reports
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.status import Status
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.verdict import RULES, judge
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.verdict_backups import RULES as BACKUP_RULES
from ansible_collections.matriarch.pgcluster.tests.unit.fakes import report as fake

WHERE = "s3://b/shop at s3"


def told(severity: str = "degraded", **reports: Any) -> list[str]:
    """The findings of these rules alone: the rest of the cluster is not looked at."""
    found = judge(Status(cluster=None, hosts=parse_reports(fake.hosts(**reports)))).findings[severity]
    words = ("backup", "WAL", "archived", "drill", "verification", WHERE)
    return [f"{each.subject}: {each.problem}" for each in found if any(word in each.problem for word in words)]


def repository(**changes: Any) -> list[dict[str, Any]]:
    return [{**fake.backups()["repositories"][0], **changes}]


def everywhere(**changes: Any) -> dict[str, Any]:
    return {name: fake.report(backups=fake.backups(**changes)) for name in fake.MEMBERS}


def test_the_rules_are_asked():
    assert set(BACKUP_RULES) <= set(RULES["degraded"])


def test_good_backups_are_not_mentioned():
    assert told() == []
    assert told("note") == []


@pytest.mark.parametrize(
    ("hours", "problem"),
    [
        (30.0, []),
        (30.1, [f"cluster: the newest backup in {WHERE} is 30 h old, more than 30"]),
    ],
)
def test_an_old_backup(hours, problem):
    assert told(**everywhere(repositories=repository(age_seconds=hours * 3600))) == problem


def test_a_short_interval_has_an_hour_of_grace():
    quick = {"interval_hours": 1}
    assert told(**everywhere(**quick, repositories=repository(age_seconds=7190))) == []
    assert len(told(**everywhere(**quick, repositories=repository(age_seconds=7210)))) == 1


def test_of_what_the_members_know_the_newest_counts():
    old = fake.report(backups=fake.backups(repositories=repository(age_seconds=10**7)))
    assert told(pg1=old) == []


def test_what_another_member_has_made_since_makes_up_for_a_failure():
    failed = fake.backups(failure="x", failed_at="2026-11-01T00:50:00Z", repositories=repository(newest=None))
    assert told(pg2=fake.report(backups=failed)) == []


def test_no_backup_yet():
    none = everywhere(repositories=repository(newest=None, age_seconds=None))
    assert told(**none) == [f"cluster: there is no backup in {WHERE} yet"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"failure": "ERROR: [056]: x", "failed_at": "2026-11-01T02:00:00Z"},
            "pg2: its last backup failed: ERROR: [056]: x",
        ),
        ({"repositories": repository(problem="no route")}, f"pg2: it cannot read {WHERE}: no route"),
        (
            {"missing": "000000010000000000000006"},
            "cluster: WAL is missing in the archive: 000000010000000000000006; no later moment can be restored",
        ),
        ({"unmended": "W: no route"}, "pg2: WAL of a former leader is not archived yet: W: no route"),
    ],
)
def test_what_one_member_knows(changes, problem):
    assert told(pg2=fake.report(backups=fake.backups(**changes))) == [problem]


@pytest.mark.parametrize(("waiting", "number"), [(16, 0), (17, 1)])
def test_wal_that_waits(waiting, number):
    archiver = {**fake.postgres()["archiver"], "ready_files": waiting}
    found = told(pg1=fake.report(leads=True, postgres=fake.postgres(leads=True, archiver=archiver)))
    assert len(found) == number


def test_where_nothing_archives_nothing_waits():
    archiver = {**fake.postgres()["archiver"], "ready_files": 99, "enabled": False}
    assert told(pg1=fake.report(leads=True, postgres=fake.postgres(leads=True, archiver=archiver))) == []


def test_a_cluster_without_backups_is_a_note():
    none: dict[str, Any] = {name: fake.report(backups=None) for name in fake.MEMBERS}
    assert told("note", **none) == ["cluster: it has no backups"]
    assert told(**none) == []


def test_hosts_that_were_not_asked_are_none_without_backups():
    silent = {name: fake.report(backups=None, postgres=None) for name in fake.MEMBERS}
    assert told("note", **silent) == []


BAD = {**fake.DRILLED, "at": "2026-11-01T04:00:00Z", "problems": ["the canary is not there"]}
SOUND = {**fake.DRILLED, "kind": "verification", "at": "2026-11-01T04:30:00Z", "facts": {}}


class TestProof:
    def drilled(self, hours: int, asked: str, **proof: Any) -> dict[str, Any]:
        return everywhere(drill={"interval_hours": hours, "failure": ""}, asked_at=asked, proof=proof)

    def test_a_bad_drill(self):
        found = [f"pg2: the last restore drill, of {BAD['at']}, is bad: the canary is not there"]
        proof = {"drill": BAD, "good_drill": fake.DRILLED}
        assert told(**everywhere(proof=proof)) == found
        assert told(pg3=fake.report(backups=fake.backups(proof=proof))) == found

    def test_what_was_good_after_it_makes_up_for_it(self):
        proof = {"drill": BAD, "verification": SOUND, "good_verification": SOUND}
        assert told(**everywhere(proof=proof)) == []

    def test_a_bad_verification(self):
        proof = {"verification": {**SOUND, "problems": ["one is corrupt"]}}
        assert told(**everywhere(proof=proof)) == [
            f"pg2: the last verification, of {SOUND['at']}, is bad: one is corrupt"
        ]

    @pytest.mark.parametrize(
        ("asked", "problems"),
        [
            ("2026-11-02T09:00:00Z", []),
            ("2026-11-02T09:00:01Z", ["cluster: the last good restore drill is 30 h old, more than 30"]),
        ],
    )
    def test_a_drill_that_is_overdue(self, asked, problems):
        assert told(**self.drilled(24, asked, drill=fake.DRILLED, good_drill=fake.DRILLED)) == problems

    def test_where_none_is_declared_none_is_overdue(self):
        assert told(**self.drilled(0, "2027-11-02T09:00:00Z", drill=fake.DRILLED, good_drill=fake.DRILLED)) == []

    def test_the_first_one_is_waited_for(self):
        assert told(**self.drilled(24, "2026-11-02T09:00:00Z")) == ["cluster: no restore drill was good yet"]

    def test_one_that_came_to_no_verdict(self):
        one = fake.report(backups=fake.backups(drill={"interval_hours": 0, "failure": "no room"}))
        assert told(pg3=one) == ["pg3: its last restore drill came to no verdict: no room"]

    def test_that_nobody_ever_looked_is_a_note(self):
        assert told("note", **everywhere(proof={})) == [
            "cluster: nobody has ever seen that its backups can be restored"
        ]
        assert told(**everywhere(proof={})) == []
