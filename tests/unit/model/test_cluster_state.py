# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState, Member, TimelineEnd
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import member


def cluster(*members: dict[str, Any], **extra: Any) -> ClusterState:
    return ClusterState.from_json({"members": list(members), "scope": "shop", **extra})


def healthy(**changes: Any) -> list[dict[str, Any]]:
    """Three healthy members, the changes made to the third."""
    return [member("pg1", "leader"), member("pg2", "sync_standby"), member("pg3", **changes)]


PATRONI_3_0 = {
    "members": [
        {"name": "pg2", "role": "replica", "state": "running", "timeline": 1, "lag": 48, "api_url": "https://pg2:8008"},
        {"name": "pg1", "role": "leader", "state": "running", "timeline": 1, "tags": {"nofailover": True}},
        {"name": "pg3", "role": "replica", "state": "starting", "lag": "unknown", "pending_restart": True},
    ],
    "pause": True,
}


def test_patroni_3_0_has_no_scope_no_replication_state_and_unknown_lags() -> None:
    state = ClusterState.from_json(PATRONI_3_0)
    assert (state.name, state.paused, state.timeline) == ("", True, 1)
    assert [(m.name, m.lag_bytes, m.pending_restart) for m in state.members] == [
        ("pg1", None, False),
        ("pg2", 48, False),
        ("pg3", None, True),
    ]
    assert state.members[0].tags == {"nofailover": True}
    assert state.problems(["pg1", "pg2"]) == ()


def test_patroni_4_1_tells_three_lags_and_why_a_restart_is_pending() -> None:
    reason = {"max_connections": {"old_value": "100", "new_value": "200"}}
    told = member(
        "pg3", lag=9, receive_lag=4, replay_lag="unknown", pending_restart=True, pending_restart_reason=reason
    )
    parsed = Member.from_json(told)
    assert (parsed.lag_bytes, parsed.receive_lag_bytes, parsed.replay_lag_bytes) == (9, 4, None)
    assert parsed.pending_restart_reason == reason


def test_what_is_absent_is_not_pending_and_not_paused() -> None:
    state = cluster(*healthy())
    assert not state.paused
    assert not any(m.pending_restart for m in state.members)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"state": "starting"}, "pg3 (replica, timeline 3) is starting"),
        ({"state": "in archive recovery"}, "pg3 (replica, timeline 3) is in archive recovery"),
        ({"state": "start failed", "timeline": None}, "pg3 (replica) is start failed"),
        ({"timeline": 2}, "pg3 (replica, timeline 2) is streaming, but the leader is on timeline 3"),
        ({"timeline": None}, "pg3 (replica) is streaming, but the leader is on timeline 3"),
        ({"state": None}, "pg3 (replica, timeline 3) is unknown"),
    ],
)
def test_a_member_that_does_not_stream_on_the_leaders_timeline_is_a_problem(
    changes: dict[str, Any], problem: str
) -> None:
    state = cluster(*healthy(**changes))
    assert state.problems() == (problem,)
    assert state.problems(["pg1", "pg2", "pg3"]) == (problem,)
    assert state.problems(["pg1", "pg2"]) == ()


def test_a_healthy_cluster_has_no_problems() -> None:
    assert cluster(*healthy()).problems(["pg1", "pg2", "pg3"], synchronous=True) == ()


def test_a_missing_member_is_a_problem() -> None:
    assert cluster(*healthy()).problems(["pg1", "pg9"]) == ("pg9 is not a member",)


def test_without_a_leader_nothing_is_healthy() -> None:
    assert cluster(member("pg1"), member("pg2")).problems() == ("the cluster has no leader",)
    assert cluster().problems() == ("the cluster has no leader",)


def test_a_leader_that_nobody_named_must_run_all_the_same() -> None:
    state = cluster(member("pg1", "leader", state="stopping"), member("pg2"))
    assert state.problems(["pg2"]) == ("pg1 (leader, timeline 3) is stopping",)


def test_a_wanted_synchronous_standby_must_be_there() -> None:
    state = cluster(member("pg1", "leader"), member("pg2"))
    assert state.problems() == ()
    assert [p for p in state.problems(synchronous=True) if "no synchronous standby" in p]
    quorum = cluster(member("pg1", "leader"), member("pg2", "quorum_standby"))
    assert quorum.problems(synchronous=True) == ()


def test_the_leader_of_a_standby_cluster_may_live_on_the_archive() -> None:
    state = cluster(member("pg1", "standby_leader", state="in archive recovery"), member("pg2"))
    assert state.leader is not None
    assert state.problems() == ()


@pytest.mark.parametrize(
    "answer", [None, [], "x", {}, {"members": None}, {"members": ["x"]}, {"members": [{"name": ""}]},
               {"members": [{"name": 7}]}, {"members": [member("pg1"), member("pg1")]}]
)  # fmt: skip
def test_an_answer_that_is_none_is_refused(answer: object) -> None:
    with pytest.raises(ValueError, match="member"):
        ClusterState.from_json(answer)


def test_odd_values_of_the_right_key_do_not_pass_for_numbers() -> None:
    odd = Member.from_json({"name": "pg1", "lag": True, "timeline": "3", "port": 5.5, "tags": None, "role": 4})
    assert (odd.lag_bytes, odd.timeline, odd.port, odd.tags, odd.role) == (None, None, None, {}, "replica")


def test_facts_are_plain_data() -> None:
    facts = cluster(*healthy(lag="unknown")).facts()
    assert (facts["name"], facts["leader"], facts["timeline"], facts["paused"]) == ("shop", "pg1", 3, False)
    assert facts["members"][2]["lag_bytes"] is None
    assert facts["members"][1]["role"] == "sync_standby"


def test_scheduled_actions_are_told_in_patronis_words() -> None:
    restart = {"schedule": "2026-12-01T03:00:00+00:00", "postmaster_start_time": "2026-11-01 00:00:00+00:00"}
    state = cluster(
        *healthy(scheduled_restart=restart), scheduled_switchover={"at": "2026-12-01T04:00:00+00:00", "from": "pg1"}
    )
    assert state.members[2].scheduled_restart == "2026-12-01T03:00:00+00:00"
    assert state.scheduled_switchover == {"at": "2026-12-01T04:00:00+00:00", "from": "pg1", "to": None}
    assert state.facts()["scheduled_switchover"]["from"] == "pg1"


@pytest.mark.parametrize("odd", [None, {}, [], "soon", {"at": None}, {"from": "pg1"}])
def test_nothing_is_scheduled_without_a_time(odd: object) -> None:
    assert cluster(*healthy(scheduled_restart=odd), scheduled_switchover=odd).scheduled_switchover is None


def test_lags_in_seconds_are_of_standbys_alone() -> None:
    state = cluster(*healthy()).with_lags_in_seconds({"pg1": 7.0, "pg2": 0.5, "pg9": 1.0})
    assert [m.lag_seconds for m in state.members] == [None, 0.5, None]
    assert state.facts()["members"][1]["lag_seconds"] == 0.5


def test_the_history_of_old_and_new_lines() -> None:
    ends = TimelineEnd.all_from_json(
        [
            [1, 25623960, "no recovery target specified"],
            [2, 2**32 + 96, "no recovery target specified", "2026-11-01T16:57:57+02:00", "pg2"],
        ]
    )
    assert [(e.timeline, e.timestamp, e.new_leader) for e in ends] == [
        (1, None, None),
        (2, "2026-11-01T16:57:57+02:00", "pg2"),
    ]
    assert [e.facts()["lsn"] for e in ends] == ["0/186FD98", "1/60"]


@pytest.mark.parametrize("odd", [None, {}, "x", [7], [[1, 2]], [["1", 2, "x"]], [[1, None, "x"]], [[1, True, "x"]]])
def test_a_history_that_is_none_is_refused(odd: object) -> None:
    with pytest.raises(ValueError, match="timeline"):
        TimelineEnd.all_from_json(odd)
