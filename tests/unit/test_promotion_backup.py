# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a promoted cluster gets its first backup, by the role's own variables."""

from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.roles import role_variable


def backup(repository=1, timeline=3, restorable=True):
    return {"repository": repository, "timeline": timeline, "restorable": restorable}


def wants(*backups, seconds=None, repositories=1):
    """`seconds`: how long the promotion of this run took; none where an earlier one did it."""
    told = {"__promotion_backups": {"backups": backups}, "__promotion_now": {"cluster": {"timeline": 3}}}
    known = {
        "hostvars": {"pg1": told},
        "pgcluster_speaker": "pg1",
        "backup_repositories": [{}] * repositories,
        "promotion_done": {"seconds": seconds},
    }
    return role_variable("promotion", "__promotion_wants_backup", known)


@pytest.mark.parametrize(
    ("backups", "options", "wanted"),
    [
        ([], {}, True),
        ([backup(timeline=2)], {}, True),
        ([backup(restorable=False)], {}, True),
        ([backup(), backup(timeline=2)], {}, False),
        ([backup(), backup()], {"repositories": 2}, True),
        ([backup(), backup(repository=2)], {"repositories": 2}, False),
        # What it finds there may be of another history, from the time before the cluster followed.
        ([backup()], {"seconds": 2.5}, True),
    ],
)
def test_a_backup_is_made_until_there_is_one_of_the_new_timeline(backups, options, wanted):
    assert wants(*backups, **options) is wanted


def test_who_did_not_hear_of_the_promotion_looks_at_the_backups():
    told = {"__promotion_backups": {"backups": [backup()]}, "__promotion_now": {"cluster": {"timeline": 3}}}
    known = {"hostvars": {"pg1": told}, "pgcluster_speaker": "pg1", "backup_repositories": [{}]}
    assert role_variable("promotion", "__promotion_wants_backup", known) is False
