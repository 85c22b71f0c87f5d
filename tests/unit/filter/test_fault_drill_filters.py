# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fault drill as the playbook asks for it, from what the modules return."""

from __future__ import annotations

import json

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.filter.fault_drill import FilterModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.timing import as_dict, timing

FILTERS = FilterModule().filters()
NAMES = ("db1", "db2", "db3")
TOPOLOGY = {"name": "main", **{role: dict.fromkeys(NAMES, "10.0.0.1") for role in ("postgres", "etcd", "proxy")}}
ETCD = {"leader": "db2", "members": [{"name": n, "id": n, "healthy": True, "is_learner": False} for n in NAMES]}
MEMBERS = [{"name": n, "role": "quorum_standby", "state": "streaming", "timeline": 3} for n in NAMES]
MEMBERS[0] |= {"role": "leader", "state": "running"}
STATUS = {"cluster": ClusterState.from_json({"scope": "main", "members": MEMBERS}).facts(), "etcd": ETCD}
CONFIG = {"ttl": 25, "loop_wait": 2, "retry_timeout": 6, "primary_start_timeout": 0, "failsafe_mode": True}
FELT = {
    "endpoints": {"rw": {"write_gap_ms": 900.0, "errors": 1}},
    "errors": 1,
    "acknowledged": 5,
    "lost_acknowledged": 0,
    "doubled": 0,
    "problems": [],
}


def plan(fault="partition", status=None, **more):
    return FILTERS["fault_drill_plan"](
        status or STATUS, fault, TOPOLOGY, NAMES, as_dict(timing("fast")), CONFIG, **more
    )


def test_the_timeouts_of_the_cluster_count_and_not_those_that_are_declared():
    told = plan(tolerance="2", protection="zero_loss")
    json.dumps(told)
    assert (told["target"], told["allowed"], told["lasts"], told["refused"]) == ("db1", 61.4, 62.0, [])
    assert told["before"] == {"name": "db1", "timeline": 3}


def test_nobody_watches_a_leader_where_the_watchdog_is_off():
    assert "patroni_watchdog is off" in plan("freeze_patroni", watchdog="off")["refused"][0]
    assert plan("freeze_patroni", target="db2", watchdog="off")["refused"] == []
    assert plan("freeze_patroni", watchdog="guard")["refused"] == plan("freeze_patroni")["refused"] == []
    assert plan("kill_patroni", watchdog="off")["refused"] == []


def test_from_plan_to_verdict():
    told = FILTERS["fault_drill_verdict"](plan(), FELT, {"leader": "db2", "timeline": 4}, acted=True, whole="9.5")
    json.dumps(told)
    assert (told["passed"], told["problems"]) == (True, [])
    assert told["after"] == {"name": "db2", "timeline": 4}


def test_a_cluster_that_did_not_answer_afterwards_is_a_bad_verdict():
    told = FILTERS["fault_drill_verdict"](plan(), FELT, None, acted=True)
    assert not told["passed"]
    assert any("then nobody" in problem for problem in told["problems"])


@pytest.mark.parametrize(("fault", "status"), [("fire", STATUS), ("partition", {"cluster": None, "etcd": None})])
def test_errors_are_ansibles(fault, status):
    with pytest.raises(AnsibleFilterError):
        plan(fault, status)
