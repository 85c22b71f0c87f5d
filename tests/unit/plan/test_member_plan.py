# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.member_status import MemberStatus
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.member import (
    Look,
    Wish,
    is_reached,
    plan_member,
    refuse_to_reinitialize,
)
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import member

CLUSTER = ClusterState.from_json(
    {
        "members": [
            member("pg1", "leader"),
            member("pg2", "quorum_standby"),
            member("pg3", "quorum_standby"),
            member("pg4"),
        ]
    }
)
LONELY = ClusterState.from_json({"members": [member("pg1", "leader"), member("pg2", "sync_standby"), member("pg3")]})
LAST = ClusterState.from_json(
    {"members": [member("pg1", "leader"), member("pg2", "sync_standby"), member("pg3", tags={"nosync": True})]}
)
HEADLESS = ClusterState.from_json({"members": [member("pg2"), member("pg3")]})


def look(name: str, cluster: ClusterState | None = CLUSTER, **changes: Any) -> Look:
    role = {"pg1": "primary"}.get(name, "replica")
    streams = "" if name == "pg1" else "streaming"
    told: dict[str, Any] = {"state": "running", "role": role, "name": name, "timeline": 3, "replication_state": streams}
    return Look(name, cluster, MemberStatus(**{**told, "postmaster_started": "then", **changes}))


def silent(name: str, cluster: ClusterState | None = CLUSTER) -> Look:
    return Look(name, cluster, silence="no answer in time")


RESTART, ANYHOW = Wish("restarted"), Wish("restarted", only_pending=False)


@pytest.mark.parametrize(
    ("wish", "seen", "action"),
    [
        (RESTART, look("pg2"), ""),
        (RESTART, look("pg2", pending_restart=True), "restart"),
        (RESTART, look("pg1"), ""),
        (RESTART, silent("pg2"), "restart"),
        (ANYHOW, look("pg2"), "restart"),
        (Wish("restarted", allow_leader=True), look("pg1", pending_restart=True), "restart"),
        (ANYHOW, look("pg2", LONELY), "restart"),  # pg3 takes its place
        (ANYHOW, look("pg3", LAST), "restart"),
        (RESTART, look("pg2", LAST), ""),
        (Wish("restarted", only_pending=False, writes_may_wait=True), look("pg2", LAST), "restart"),
        (Wish("reloaded"), look("pg1"), "reload"),
        (Wish("reinitialized"), look("pg2"), "reinitialize"),
        (Wish("reinitialized"), look("pg3", LONELY), "reinitialize"),
        (Wish("reinitialized"), silent("pg3"), "reinitialize"),
        (Wish("streaming"), look("pg2", state="crashed"), ""),
        (Wish("running"), look("pg2"), ""),
    ],
)
def test_the_action_leads_to_the_wish(wish: Wish, seen: Look, action: str) -> None:
    assert plan_member(wish, seen) == action


@pytest.mark.parametrize(
    ("wish", "seen", "reason"),
    [
        (RESTART, look("pg1", pending_restart=True), "pg1 leads, and nobody could write"),
        (ANYHOW, look("pg1"), "playbooks/switchover.yml first"),
        (ANYHOW, look("pg2", LAST), "pg2 is the last standby that commits can wait for"),
        (Wish("reinitialized", allow_leader=True), look("pg1"), "pg1 leads: its data is the cluster's"),
        (Wish("reinitialized"), look("pg2", role="primary"), "pg2 runs as a primary"),
        (Wish("reinitialized"), look("pg2", HEADLESS), "the cluster has no leader. Next: playbooks/failover.yml"),
        (Wish("reinitialized"), look("pg2", None), "the cluster has no leader"),
        (Wish("reinitialized"), look("pg2", LONELY), "pg2 is the only synchronous standby"),
    ],
)
def test_what_would_hurt_is_refused(wish: Wish, seen: Look, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        plan_member(wish, seen)
    assert reason in str(caught.value)


def test_a_broken_replica_may_be_cloned_anew() -> None:
    refuse_to_reinitialize(look("pg3", state="start failed"))


@pytest.mark.parametrize(
    ("seen", "serves", "cannot_rejoin"),
    [
        (look("pg1"), True, False),
        (look("pg1", role="replica"), False, False),
        (look("pg2"), True, False),
        (look("pg2", replication_state=""), False, True),
        (look("pg2", replication_state="in archive recovery"), False, True),
        (look("pg2", timeline=2), False, True),
        (look("pg2", timeline=None), False, True),
        (look("pg2", state="start failed"), False, True),
        (look("pg2", state="starting"), False, False),
        (look("pg2", state="creating replica"), False, False),
        (look("pg2", HEADLESS), False, False),
        (look("pg2", HEADLESS, timeline=None), False, False),
        (look("pg2", None), False, False),
        (silent("pg2"), False, False),
    ],
)
def test_who_does_its_part_and_who_cannot_come_back(seen: Look, serves: bool, cannot_rejoin: bool) -> None:
    assert (seen.serves, seen.cannot_rejoin) == (serves, cannot_rejoin)
    assert seen.name in seen.described


@pytest.mark.parametrize(
    ("wish", "seen", "reached"),
    [
        (Wish("running"), look("pg2", timeline=1), True),
        (Wish("running"), look("pg2", state="starting"), False),
        (Wish("running"), silent("pg2"), False),
        (Wish("streaming"), look("pg2"), True),
        (Wish("streaming"), look("pg2", timeline=1), False),
        (Wish("reloaded"), look("pg2"), True),
        (RESTART, look("pg2", postmaster_started="now"), True),
        (RESTART, look("pg2"), True),  # nothing waits for it any more
        (RESTART, look("pg2", postmaster_started="now", pending_restart=True), False),
        (RESTART, look("pg2", postmaster_started="now", timeline=2), False),
        (ANYHOW, look("pg2"), False),
        (ANYHOW, look("pg2", postmaster_started="now"), True),
        (ANYHOW, look("pg2", postmaster_started="now", replication_state=""), False),
        (Wish("reinitialized"), look("pg2"), False),
        (Wish("reinitialized"), look("pg2", postmaster_started="now"), True),
    ],
)
def test_an_outcome_is_seen_on_the_member_itself(wish: Wish, seen: Look, reached: bool) -> None:
    assert is_reached(wish, look("pg2", pending_restart=True), seen) is reached
