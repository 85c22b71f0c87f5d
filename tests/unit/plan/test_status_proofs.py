# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the status shows of drills and verifications."""

from __future__ import annotations

from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.status_tables import proofs
from ansible_collections.matriarch.pgcluster.tests.unit.fakes import report as fake

BAD = {**fake.DRILLED, "at": "2026-11-01T04:00:00Z", "member": "pg3", "problems": ["x"], "facts": {}}


def rows(**changes: Any) -> list[list[str]]:
    told = {"pg1": fake.backups(**changes), "pg2": fake.backups(proof={}), "pg3": None}
    return [list(row) for row in proofs({"backups": told}).rows]


def test_a_good_drill_with_what_it_measured():
    assert rows() == [
        ["restore drill", "2026-11-01 03:00:00", "pg2", "good", "2.0", "62 s", "40 s"],
        ["verification", "never", "", "", "", "", ""],
    ]


def test_a_bad_one_and_how_old_the_last_good_one_is():
    assert rows(proof={"drill": BAD, "good_drill": fake.DRILLED})[0] == [
        *["restore drill", "2026-11-01 04:00:00", "pg3", "bad", "2.0", "", ""]
    ]
    assert rows(proof={"drill": BAD})[0][4] == "never"


def test_without_backups_there_is_nothing_to_show():
    assert proofs({"backups": {"pg1": None}}).rows == ()
