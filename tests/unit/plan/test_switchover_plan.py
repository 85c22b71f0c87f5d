# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import random
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.switchover import (
    Evidence,
    Limits,
    SwitchoverPlan,
    plan_switchover,
)
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.agents import QUIET
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import member

REST = {"paused": False, "waiting": 0}


def cluster(*members: dict[str, Any], **more: Any) -> ClusterState:
    return ClusterState.from_json({"members": list(members), **more})


THREE = cluster(member("pg1", "leader"), member("pg2", "sync_standby"), member("pg3"))


def plan(state: ClusterState = THREE, wished: str | None = None, limits: Limits | None = None, **evidence: Any):
    return plan_switchover(Evidence(state, **evidence), wished, limits or Limits())


def codes(found: SwitchoverPlan) -> list[str]:
    return [blocker.code for blocker in found.blockers]


def standbys(*found: dict[str, Any]) -> ClusterState:
    return cluster(member("pg1", "leader"), *found)


@pytest.mark.parametrize(
    ("state", "candidate", "reason"),
    [
        (THREE, "pg2", "the synchronous standby with the least lag (0 bytes)"),
        (standbys(member("pg2"), member("pg3")), "pg2", "the standby with the least lag (0 bytes)"),
        (standbys(member("pg2", lag=9), member("pg3", lag=5)), "pg3", "the standby with the least lag (5 bytes)"),
        (standbys(member("pg2", lag=0), member("pg3", "sync_standby", lag=9)), "pg3", "the synchronous standby"),
        (standbys(member("pg2", "quorum_standby", lag=9), member("pg3", "quorum_standby", lag=5)), "pg3", "the sync"),
        (standbys(member("pg2", lag="unknown"), member("pg3", lag=5)), "pg3", "the standby"),
        (standbys(member("pg2", lag="unknown")), "pg2", "the standby with the least lag (unknown)"),
        (standbys(member("pg2"), member("pg3", tags={"failover_priority": 2})), "pg3", "the standby"),
        (standbys(member("pg2", lag=1), member("pg3", lag=2, tags={"failover_priority": 9})), "pg2", "the standby"),
        (standbys(member("pg2", tags={"failover_priority": 0}), member("pg3", lag=7)), "pg3", "the standby"),
        (standbys(member("pg2", tags={"nofailover": True}), member("pg3", lag=7)), "pg3", "the standby"),
        (standbys(member("pg2", tags={"failover_priority": "high"}), member("pg3")), "pg2", "the standby"),
        (standbys(member("pg2", "sync_standby", state="starting"), member("pg3", lag=7)), "pg3", "the standby"),
        (standbys(member("pg2", timeline=2), member("pg3", lag=7)), "pg3", "the standby"),
    ],
)  # fmt: skip
def test_the_fittest_is_chosen(state, candidate, reason):
    found = plan(state)
    assert (found.leader, found.candidate) == ("pg1", candidate)
    assert found.reason.startswith(reason)


def test_where_patroni_listens_and_who_else_follows():
    state = standbys(member("pg2", "sync_standby", host="10.0.0.2", port=6000), member("pg3"), member("pg4", state="x"))
    found = plan(state)
    assert (found.candidate_host, found.candidate_port) == ("10.0.0.2", 6000)
    assert (found.others, found.synchronous) == (("pg3",), True)


def test_a_member_that_tells_no_address_is_reached_by_its_name():
    found = plan(standbys(member("pg2", host=None, port=None)))
    assert (found.candidate_host, found.candidate_port, found.synchronous) == ("pg2", 5432, False)


@pytest.mark.parametrize(
    ("state", "wished", "reason"),
    [
        (cluster(member("pg1"), member("pg2")), None, "no leader that could hand over. Next: ansible-playbook"),
        (cluster(), "pg1", "the cluster has no leader"),
        (THREE, "pg9{{ x }}", "'pg9{{ x }}' is no member of the cluster; its members: pg1, pg2, pg3"),
        (standbys(), None, "no member can take over: there is none but the leader"),
        (standbys(member("pg2", state="crashed")), None, "no member can take over: pg2: it is crashed. Next: "),
        (standbys(member("pg2", timeline=2)), None, "pg2: it is on timeline 2, the leader on 3"),
        (standbys(member("pg2", tags={"nofailover": True})), None, "pg2: its tags forbid it to lead"),
    ],
)  # fmt: skip
def test_there_may_be_nothing_to_plan_with(state, wished, reason):
    with pytest.raises(Refused) as caught:
        plan(state, wished)
    assert reason in str(caught.value)


def test_who_leads_already_needs_no_switchover_whatever_is_in_the_way():
    looks = {"pg1": {**QUIET, "base_backups": 1}}
    found = plan(wished="pg1", looks=looks, silent_members={"pg1": "x"}, silent_proxies={"px1": "x"})
    assert found.is_done
    assert (found.blockers, found.reason) == ((), "it leads already")
    assert not plan(wished="pg2").is_done


def look(**found: Any) -> dict[str, Any]:
    return {"looks": {"pg1": {**QUIET, **found}}}


TRANSACTION = {
    "pid": 7, "user": "web", "database": "shop", "application": "cron", "client": "10.0.0.9", "state": "active",
    "seconds": 61.5,
}  # fmt: skip
PREPARED = {"gid": "g'1", "owner": "web", "database": "shop", "seconds": 9.4}

BLOCKERS = [
    ("unfit", standbys(member("pg2", tags={"nofailover": True})), {}, "pg2 cannot lead: its tags forbid", "another"),
    ("unfit", standbys(member("pg2", state="starting")), {}, "pg2 cannot lead: it is starting", "status.yml"),
    ("unfit", standbys(member("pg2", timeline=2)), {}, "timeline 2, the leader on 3", "status.yml"),
    ("not_synchronous", standbys(member("pg2"), member("pg3", "sync_standby")), {}, "may be missing", "or none"),
    ("lag", standbys(member("pg2", lag="unknown")), {}, "how far pg2 lags is unknown", "status.yml"),
    ("lag", standbys(member("pg2", lag=16777217)), {}, "16777217 bytes behind; 16777216 are allowed", "caught up"),
    ("pending_restart", standbys(member("pg2", pending_restart=True)), {}, "waits for a restart (param", "rolling_"),
    ("pending_restart",
     standbys(member("pg2", pending_restart=True, pending_restart_reason={"max_connections": {}})), {},
     "waits for a restart (max_connections)", "rolling_restart.yml"),
    ("paused", cluster(member("pg1", "leader"), member("pg2"), pause=True), {}, "Patroni is paused", "state=resumed"),
    ("silent_member", THREE, {"silent_members": {"pg1": "refused"}}, "pg1 does not answer the operation: refused", ""),
    ("silent_member", THREE, {"silent_members": {"pg2": "refused"}}, "pg2 does not answer", "look at pg2"),
    ("long_transaction", THREE, look(transactions=[TRANSACTION]),
     "pg1: a transaction of web in shop (cron, 10.0.0.9, pid 7) is 62 s old", "pg_terminate_backend(7)"),
    ("long_transaction", THREE, look(transactions=[{**TRANSACTION, "application": "", "client": None}]),
     "(no name, local, pid 7)", "wait for it"),
    ("prepared_transaction", THREE, look(prepared_transactions=[PREPARED]), "\"g'1\" is 9 s old", "its transaction"),
    ("base_backup", THREE, look(base_backups=2), "2 base backups are being taken from it", "wait for them"),
    ("logical_replication", THREE, look(logical_walsenders=["cdc (10.0.0.9)"]), "decoded for cdc (10.0.0.9)", "slots"),
    ("archiver_backlog", THREE, look(unarchived_segments=9), "9 WAL segments wait for the archiver", "archiving"),
    ("silent_proxy", THREE, {"silent_proxies": {"px1": "refused"}}, "px1 cannot be told to hold", "bring px1 back"),
    ("paused_pooler", THREE, {"poolers": {"px1": {"rw": {"paused": True, "waiting": 3}, "ro": REST}}},
     "the pool rw of px1 is paused already", "pgbouncer_pool on px1"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "state", "evidence", "problem", "next_step"), BLOCKERS)
def test_everything_that_makes_it_long_or_lossy_blocks_and_can_be_accepted(code, state, evidence, problem, next_step):
    found = plan(state, "pg2", **evidence)
    assert codes(found) == [code]
    (blocker,) = found.blockers
    assert problem in blocker.problem
    assert next_step in blocker.next
    assert found.unaccepted([]) == found.unaccepted(["else"]) == found.blockers
    assert found.unaccepted(["else", code]) == ()


def test_every_blocker_is_told_at_once_and_a_plan_can_be_returned():
    looks = {"pg1": {**QUIET, "transactions": [TRANSACTION, TRANSACTION], "prepared_transactions": [PREPARED],
                     "base_backups": 1, "logical_walsenders": ["cdc"], "unarchived_segments": 99}}  # fmt: skip
    poolers = {"px1": {"rw": {"paused": True, "waiting": 0}}}
    state = cluster(
        member("pg1", "leader"), member("pg2", "sync_standby"),
        member("pg3", lag=10**9, pending_restart=True), pause=True,
    )  # fmt: skip
    found = plan(state, "pg3", looks=looks, poolers=poolers, silent_members={"pg3": "x"}, silent_proxies={"px2": "x"})
    assert set(codes(found)) == {code for code, *_rest in BLOCKERS} - {"unfit"}
    assert found.unaccepted(["base_backup"]) == tuple(b for b in found.blockers if b.code != "base_backup")
    told = json.loads(json.dumps(found.facts()))
    assert {"code": "base_backup", "problem": "pg1: 1 base backups are being taken from it",
            "next": "wait for them; a switchover breaks them off"} in told["blockers"]  # fmt: skip


@pytest.mark.parametrize(
    "evidence",
    [
        look(),
        look(unarchived_segments=8),
        {"looks": {"pg2": {**QUIET, "base_backups": 3, "transactions": [TRANSACTION]}}},
        {"silent_members": {"pg3": "refused"}},
        {"poolers": {"px1": {"rw": REST, "ro": REST}}},
    ],
)
def test_what_does_no_harm_blocks_nothing(evidence):
    assert codes(plan(wished="pg2", **evidence)) == []


def test_the_limits_are_the_users():
    state = standbys(member("pg2", lag=100))
    assert codes(plan(state, limits=Limits(lag_bytes=99))) == ["lag"]
    assert codes(plan(state, limits=Limits(lag_bytes=100))) == []
    assert codes(plan(limits=Limits(unarchived_segments=0), **look(unarchived_segments=1))) == ["archiver_backlog"]


def random_member(dice: random.Random, number: int) -> dict[str, Any]:
    changes: dict[str, Any] = {
        "lag": dice.choice([0, 0, 1, 1000, 10**8, "unknown"]),
        "state": dice.choice(["streaming"] * 4 + ["running", "starting", "crashed"]),
        "timeline": dice.choice([3, 3, 3, 3, 2, None]),
        "pending_restart": dice.random() < 0.2,
        "tags": dice.choice([{}, {}, {}, {"nofailover": True}, {"failover_priority": dice.randint(-1, 3)}]),
    }
    return member(f"pg{number}", dice.choice(["replica", "sync_standby", "quorum_standby"]), **changes)


@pytest.mark.parametrize("seed", range(200))
def test_in_a_random_cluster(seed):
    dice = random.Random(seed)
    state = standbys(*(random_member(dice, number) for number in range(2, dice.randint(3, 8))))
    rest = [each for each in state.members if not each.is_leader]
    can_lead = [
        each
        for each in rest
        if each.is_up
        and each.timeline == 3
        and not each.tags.get("nofailover")
        and each.tags.get("failover_priority", 1) > 0
    ]
    if not can_lead:
        with pytest.raises(Refused) as caught:
            plan(state)
        assert all(each.name in str(caught.value) for each in rest)
        return
    found = plan(state)
    chosen = state.member(found.candidate)
    assert chosen in can_lead
    assert chosen.is_synchronous or not any(each.is_synchronous for each in can_lead)
    for rival in can_lead:
        if rival.is_synchronous == chosen.is_synchronous and rival.lag_bytes is not None:
            assert chosen.lag_bytes is not None
            assert chosen.lag_bytes <= rival.lag_bytes
    assert plan(state, found.candidate).blockers == found.blockers
    assert "unfit" not in codes(found)
    assert set(found.others) == {each.name for each in rest if each.is_up} - {found.candidate}
    for each in rest:  # named, whoever it is: a plan, which says what is wrong with it
        assert ("unfit" in codes(plan(state, each.name))) == (each not in can_lead)
        assert all(blocker.next for blocker in plan(state, each.name).blockers)
