# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.member_status import MemberStatus

PATRONI = {"version": "4.1.5", "scope": "shop", "name": "pg2"}
REPLICA = {
    "state": "running",
    "postmaster_start_time": "2026-01-31 11:00:00.123456+00:00",
    "role": "replica",
    "server_version": 170004,
    "xlog": {
        "received_location": 83886176,
        "replayed_location": 83886080,
        "replayed_timestamp": "2026-01-31 12:00:00.500000+00:00",
        "paused": False,
    },
    "quorum_standby": True,
    "timeline": 3,
    "replication_state": "streaming",
    "dcs_last_seen": 1769860000,
    "tags": {"clonefrom": True},
    "database_system_identifier": "7500000000000000000",
    "pending_restart": True,
    "pending_restart_reason": {"max_connections": {"old_value": "100", "new_value": "200"}},
    "patroni": PATRONI,
}
PRIMARY = {
    "state": "running",
    "role": "primary",
    "xlog": {"location": 83886300},
    "timeline": 3,
    "replication": [{"application_name": "pg2", "state": "streaming", "sync_state": "quorum"}],
    "pause": True,
    "patroni": {**PATRONI, "name": "pg1"},
}


def test_a_replica_tells_everything() -> None:
    status = MemberStatus.from_json(REPLICA)
    assert (status.name, status.scope, status.patroni_version, status.server_version) == (
        "pg2",
        "shop",
        "4.1.5",
        170004,
    )
    assert (status.received_lsn, status.replayed_lsn, status.lsn, status.timeline) == (83886176, 83886080, 83886176, 3)
    assert status.replayed_at == datetime(2026, 1, 31, 12, 0, 0, 500000, UTC)
    assert all((status.synchronous, status.streams, status.is_running, status.pending_restart))
    assert not status.is_primary
    assert list(status.pending_restart_reason) == ["max_connections"]
    assert status.facts()["lsn"] == "0/5000060"


def test_a_primary_tells_where_it_writes_and_who_follows() -> None:
    status = MemberStatus.from_json(PRIMARY)
    assert all((status.is_primary, status.serves_as_leader, status.paused))
    assert not status.streams
    assert status.lsn == status.written_lsn == 83886300
    assert [standby["application_name"] for standby in status.standbys] == ["pg2"]


@pytest.mark.parametrize("role", ["primary", "master"])
def test_both_names_of_a_primary_are_known(role: str) -> None:
    assert MemberStatus(state="running", role=role).is_primary
    assert not MemberStatus(state="stopped", role=role).is_primary


@pytest.mark.parametrize("state", ["stopped", "crashed", "start failed", "stop failed", "restart failed"])
def test_a_member_that_is_down_tells_little(state: str) -> None:
    status = MemberStatus.from_json({"state": state, "role": "replica", "cluster_unlocked": True, "patroni": PATRONI})
    assert all((status.is_lost, status.leaderless))
    assert not status.is_running
    assert (status.lsn, status.timeline, status.facts()["lsn"]) == (None, None, None)


def test_an_old_patroni_does_not_say_who_streams() -> None:
    old = {"state": "running", "role": "replica", "patroni": {"version": "3.0.2", "scope": "shop"}}
    assert MemberStatus.from_json(old).streams
    assert not MemberStatus.from_json({**old, "patroni": PATRONI}).streams


@pytest.mark.parametrize("data", [None, [], "text", {}, {"state": None}, {"state": 7}])
def test_what_tells_no_state_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="no state"):
        MemberStatus.from_json(data)


@pytest.mark.parametrize(
    "odd",
    [
        {"xlog": None, "timeline": "3", "tags": [], "patroni": 4, "replication": {}, "server_version": True},
        {"xlog": {"received_location": None, "replayed_timestamp": "yesterday"}, "timeline": 0, "pause": "yes"},
        {"xlog": {"replayed_timestamp": "2026-01-31 12:00:00"}, "replication": [7], "scheduled_restart": None},
    ],
)
def test_what_makes_no_sense_is_not_known(odd: dict[str, object]) -> None:
    assert MemberStatus.from_json({"state": "running", "role": "replica", **odd}) == MemberStatus("running", "replica")
