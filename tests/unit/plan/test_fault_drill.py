# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fault would do to a cluster, what must happen then, and why it must not be tried."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.timing import timing
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.fault_drill import (
    KINDS,
    Plan,
    Stage,
    Wish,
    lines,
    plan_drill,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.voters import Voters

NAMES = ("db1", "db2", "db3")


def cluster(*names: str) -> ClusterState:
    members = [
        {"name": name, "role": "quorum_standby", "state": "streaming", "timeline": 3, "host": name} for name in names
    ]
    members[0] |= {"role": "leader", "state": "running"}
    return ClusterState.from_json({"scope": "main", "members": members})


STAGE = Stage(
    cluster=cluster(*NAMES),
    etcd=Voters(dict.fromkeys(NAMES, True), leader="db2"),
    groups=dict.fromkeys(("postgres", "etcd", "proxy"), NAMES),
    reached=NAMES,
    timing=timing("fast"),
    protection="zero_loss",
    failsafe=True,
)


def plan(fault: str, target: str = "", stage: Stage = STAGE, tolerance: float = 1.0) -> Plan:
    return plan_drill(stage, Wish(fault, target, seconds=20.0, tolerance=tolerance))


ON_THE_LEADER = [
    ("kill_postgres", "moves", 6.7, 0),
    ("kill_patroni", "stays", 6.7, 0),
    ("freeze_patroni", "moves", 25.7, 56),
    ("stop_patroni", "moves", 6.7, 37),
    ("power_cut", "moves", 25.7, 0),
    ("partition", "moves", 25.7, 56),
    ("cut_etcd", "stays", 6.7, 50),
    ("stop_etcd", "stays", 6.7, 50),
    ("stop_proxy", "stays", 3.0, 50),
]


@pytest.mark.parametrize(("fault", "leadership", "allowed", "heal_after"), ON_THE_LEADER)
def test_each_fault_hits_the_leader_and_has_its_own_bound(
    fault: str, leadership: str, allowed: float, heal_after: float
) -> None:
    made = plan(fault)
    assert (made.target, made.leads, made.refused) == ("db1", True, ())
    assert (made.leadership, made.allowed, made.heal_after) == (leadership, allowed, heal_after)


def test_all_faults_are_in_that_table() -> None:
    """Whoever adds one adds what must happen."""
    assert {row[0] for row in ON_THE_LEADER} == set(KINDS)


@pytest.mark.parametrize("fault", ["power_cut", "partition"])
def test_a_host_that_leads_etcd_as_well_takes_longer(fault: str) -> None:
    leads_both = replace(STAGE, etcd=replace(STAGE.etcd, leader="db1"))
    assert plan(fault, stage=leads_both).budget.fault == "host_lost_with_etcd_leader"
    assert plan(fault).budget.fault == "host_lost"


@pytest.mark.parametrize("fault", sorted(KINDS))
def test_on_a_standby_the_leader_stays(fault: str) -> None:
    made = plan(fault, "db3")
    assert (made.target, made.leads, made.leadership, made.refused) == ("db3", False, "stays", ())


def test_time_to_start_again_leaves_it_open_who_leads() -> None:
    patient = replace(STAGE, timing=timing("fast", {"primary_start_timeout": 60}))
    made = plan("kill_postgres", stage=patient)
    assert (made.leadership, made.allowed) == ("any", 66.7)


def test_a_slow_host_gets_more_time_and_is_healed_later() -> None:
    made = plan("partition", tolerance=2.0)
    assert (made.allowed, made.lasts, made.heal_after) == (51.4, 52, 82)


def test_clients_leave_a_host_alone_that_goes_away_and_use_a_proxy_that_stops() -> None:
    assert (plan("partition").avoid, plan("partition").through) == (("db1",), "")
    assert (plan("stop_proxy").avoid, plan("stop_proxy").through) == (("db1",), "db1")
    assert (plan("kill_postgres").avoid, plan("kill_postgres").through) == ((), "")


def test_it_is_parted_from_the_others_and_one_of_them_looks_on() -> None:
    assert (plan("partition", "db2").peers, plan("partition", "db2").witness) == (("db1", "db3"), "db1")
    assert plan("cut_etcd").peers == ("db2", "db3")
    assert plan("stop_etcd").peers == ()


LAID_OUT = replace(
    STAGE,
    groups={"postgres": ("db1", "db2", "db3"), "etcd": ("dcs1", "dcs2", "dcs3"), "proxy": ("lb1", "lb2")},
    reached=("db1", "db2", "db3", "dcs1", "dcs2", "dcs3", "lb1", "lb2"),
    etcd=Voters(dict.fromkeys(("dcs1", "dcs2", "dcs3"), True), leader="dcs1"),
)


def test_on_hosts_of_their_own_etcd_and_proxies_are_hit_there() -> None:
    assert (plan("stop_etcd", stage=LAID_OUT).target, plan("stop_proxy", stage=LAID_OUT).target) == ("dcs1", "lb1")
    assert plan("power_cut", "lb2", LAID_OUT).leadership == "stays"
    assert plan("power_cut", "lb2", LAID_OUT).budget.fault == "postgresql_crash"
    assert plan("partition", stage=LAID_OUT).peers == ("db2", "db3", "dcs1", "dcs2", "dcs3", "lb1", "lb2")
    assert [plan(fault, stage=LAID_OUT).refused for fault in KINDS] == [()] * len(KINDS)


TWO = replace(STAGE, cluster=cluster("db1", "db2"), groups={**STAGE.groups, "postgres": ("db1", "db2")})
ALONE = replace(STAGE, cluster=cluster("db1"), groups={**STAGE.groups, "postgres": ("db1",)})


@pytest.mark.parametrize(
    ("fault", "target", "stage", "reason"),
    [
        ("stop_etcd", "lb1", LAID_OUT, "stop_etcd is for one of dcs1, dcs2, dcs3, not for lb1"),
        ("power_cut", "db9", STAGE, "power_cut is for one of db1, db2, db3, not for db9"),
        ("kill_postgres", "", replace(STAGE, follows="shop"), "this cluster follows shop"),
        ("kill_postgres", "", replace(STAGE, reached=("db2", "db3")), "db1 does not answer"),
        (
            "freeze_patroni",
            "",
            replace(STAGE, watched=False),
            "patroni_watchdog is off: db1 would take writes on",
        ),
        ("kill_postgres", "", TWO, "2 members have to run besides db1, and 1 would"),
        ("kill_patroni", "", ALONE, "1 member has to run besides db1, and 0 would"),
        ("stop_etcd", "", replace(STAGE, etcd=Voters({"db1": True, "db2": True})), "etcd would lose its majority"),
        ("cut_etcd", "", replace(STAGE, failsafe=False), "failsafe_mode is off"),
        ("stop_proxy", "", replace(STAGE, groups={**STAGE.groups, "proxy": ("db1",)}), "db1 is the only proxy"),
    ],
)
def test_what_could_not_be_survived_or_measured_is_refused(fault: str, target: str, stage: Stage, reason: str) -> None:
    refused = plan(fault, target, stage).refused
    assert [why for why in refused if why.startswith(reason)], refused
    assert all("Next: " in why for why in refused)


def test_two_members_are_enough_where_commits_do_not_have_to_wait() -> None:
    assert plan("kill_postgres", stage=replace(TWO, protection="balanced")).refused == ()


def test_a_fault_that_is_none() -> None:
    with pytest.raises(ValueError, match="no fault 'fire'; there are kill_postgres, "):
        plan("fire")


def test_the_plan_says_what_is_done_what_must_follow_and_how_the_time_is_made_up() -> None:
    told = "\n".join(lines(plan("partition"), "main"))
    assert "partition on db1, which leads main" in told
    assert "another member leads, on a new timeline" in told
    assert "no longer than 25.7 s (host_lost: 20 + 1 + 3 + 0.5 + 1 + 0.2 s)" in told
    assert "by the host itself after 56 s, should this run die" in told
    assert "without any help" in "\n".join(lines(plan("kill_postgres", "db2"), "main"))
