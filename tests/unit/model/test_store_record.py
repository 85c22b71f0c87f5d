# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.store import StoreRecord

VALUES = {
    "initialize": "7500000000000000000",
    "config": json.dumps({"ttl": 20, "pause": True}),
    "sync": json.dumps({"leader": "pg1", "sync_standby": "pg2,pg3", "quorum": 1}),
    "status": json.dumps({"optime": 83886176, "slots": {"pg2": 1}}),
    "history": json.dumps(
        [[1, 100, "no recovery target specified"], [2, 200, "x", "2026-01-31T12:00:00+00:00", "pg1"]]
    ),
    "members/pg2": json.dumps({"api_url": "https://10.0.0.2:8008/patroni", "state": "running"}),
    "members/{{ x }}": json.dumps({"state": "running"}),
}


def test_everything_that_a_failover_needs_is_read() -> None:
    record = StoreRecord.from_values(VALUES)
    assert (record.leader, record.voters_of, record.voters, record.quorum) == (None, "pg1", ("pg2", "pg3"), 1)
    assert (record.answers_needed, record.last_lsn, record.timeline, record.paused) == (2, 83886176, 3, True)
    assert record.member_urls == {"pg2": "https://10.0.0.2:8008", "{{ x }}": ""}


@pytest.mark.parametrize(
    ("sync", "expected"),
    [
        (None, (None, (), 0)),
        ("{}", (None, (), 0)),
        (json.dumps({"leader": None, "sync_standby": None, "quorum": 0}), (None, (), 0)),
        (json.dumps({"leader": "pg1", "sync_standby": None, "quorum": 0}), ("pg1", (), 0)),
        (json.dumps({"leader": "pg1", "sync_standby": "pg2"}), ("pg1", ("pg2",), 0)),
    ],
)
def test_every_kind_of_replication_is_told_apart(sync: str | None, expected: tuple[object, ...]) -> None:
    values = {"initialize": "7", **({"sync": sync} if sync else {})}
    record = StoreRecord.from_values(values)
    assert (record.voters_of, record.voters, record.quorum) == expected


def test_a_leader_is_known_and_a_fresh_cluster_is_on_its_first_timeline() -> None:
    record = StoreRecord.from_values({"initialize": "7", "leader": "pg1"})
    assert (record.leader, record.timeline, record.last_lsn) == ("pg1", 1, None)


@pytest.mark.parametrize(
    "values", [{}, {"leader": "pg1"}, {"initialize": "7", "sync": "{"}, {"initialize": "7", "history": "7"}]
)
def test_what_is_no_cluster_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever does not parse
        StoreRecord.from_values(values)
