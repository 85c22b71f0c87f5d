# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import shown
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import DRILL, VERIFICATION, Proof, Trial
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_gate import gate, unreadable
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.backups import NOON, S3, backup, catalog, settings, wal

WHERE = "s3://b/shop at s3.example"
HELD = catalog([backup("a", NOON - timedelta(hours=40))], wal(1, [4, 5]))
TWO = settings(repositories=[S3, {"type": "directory", "path": "/b"}])


def trial(hours_ago: float, *problems: str, kind: str = DRILL, where: tuple[str, ...] = (WHERE,)) -> Trial:
    return Trial(kind, shown(NOON - timedelta(hours=hours_ago)), "db2", where, problems)


def knowing(*trials: Trial) -> Proof:
    proof = Proof()
    for each in trials:
        proof = proof.knowing(each)
    return proof


@pytest.mark.parametrize(
    ("trials", "hours"),
    [
        ([trial(1)], 1),
        ([trial(35.9)], 35.9),
        ([trial(1, kind=VERIFICATION)], 1),
        ([trial(2, "bad"), trial(1, kind=VERIFICATION)], 1),
        ([trial(50), trial(2, kind=VERIFICATION)], 2),
    ],
)
def test_proof_that_is_young_enough(trials, hours):
    answer = gate(settings(), knowing(*trials), HELD, NOON)
    assert answer.reason == ""
    assert answer.age_hours == pytest.approx(hours)


@pytest.mark.parametrize(
    ("trials", "words", "mend"),
    [
        ([], "nobody has ever seen", "restore_drill.yml"),
        ([trial(36.1)], "is 36.1 h old, more than 36: the restore drill by db2", "restore_drill.yml, or"),
        ([trial(5), trial(1, "one is corrupt")], "the last restore drill by db2, of", "backup.yml, then"),
        ([trial(5), trial(1, "one is corrupt", kind=VERIFICATION)], "found: one is corrupt", "backup.yml, then"),
    ],
    ids=["none", "old", "bad drill", "bad verification"],
)
def test_it_is_closed_with_what_was_found_and_the_command_that_mends_it(trials, words, mend):
    answer = gate(settings(), knowing(*trials), HELD, NOON)
    assert words in answer.reason
    assert mend in answer.next


@pytest.mark.parametrize(
    "held", [catalog(), catalog([backup("a", NOON)], []), catalog([backup("a", NOON, faulty=True)], wal(1, [4]))]
)
def test_what_was_proven_and_is_gone_counts_for_nothing(held):
    answer = gate(settings(), knowing(trial(1)), held, NOON)
    assert answer.reason == f"there is no backup that could be restored in {WHERE}"
    assert answer.age_hours == 1


def test_the_limit_is_declared():
    assert gate(settings(gate_hours=200), knowing(trial(190)), HELD, NOON).reason == ""


def test_of_two_repositories_one_that_was_tried_must_be_there():
    elsewhere = catalog([backup("a", NOON, repository=2)], wal(1, [4], repository=2), problems={1: "no route"})
    assert "no route" in gate(TWO, knowing(trial(1)), elsewhere, NOON).reason
    assert gate(TWO, knowing(trial(1, kind=VERIFICATION, where=(WHERE, "/b"))), elsewhere, NOON).reason == ""


def test_a_storage_that_is_silent_is_said():
    answer = unreadable("no route to host", knowing(trial(3)), NOON)
    assert (answer.reason, answer.age_hours) == ("the backups cannot be read now: no route to host", 3)
