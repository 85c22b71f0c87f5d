# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plans as playbooks get them, from what the modules return."""

from __future__ import annotations

import json

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.filter.rolling import FilterModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.rolling_input import moment

FILTERS = FilterModule().filters()
NAMES = ("pg1", "pg2", "pg3")
TOPOLOGY = {role: dict.fromkeys(NAMES, "10.0.0.1") for role in ("postgres", "etcd", "proxy")} | {"hosts": list(NAMES)}
ETCD = {
    "leader": "pg2",
    "members": [
        *({"name": name, "id": name, "healthy": True, "is_learner": False} for name in NAMES),
        {"name": "", "id": "8e9e05c5", "healthy": False, "is_learner": True, "peer_urls": ["https://10.0.0.9:2380"]},
    ],
}
UP = {"max_connections": {"old_value": "100", "new_value": "200"}}


def facts(**changed):
    """As patroni_cluster_info returns it, from what Patroni answers."""
    members = [
        {"name": name, "role": "replica", "state": "streaming", "timeline": 1, "lag": 0, "host": name, "port": 5432}
        for name in NAMES
    ]
    members[0] |= {"role": "leader", "state": "running"}
    for one in members:
        one |= {"pending_restart": True, "pending_restart_reason": UP}
    return ClusterState.from_json({"scope": "main", "members": members, **changed}).facts()


def seen(**each):
    return {name: dict(each) for name in NAMES}


def told(plan):
    json.dumps(plan)
    return [f"{step['action']} {step['host']}" for step in plan["steps"]]


def test_a_restart_as_a_playbook_asks_for_it():
    plan = FILTERS["rolling_plan"](facts(), "restart", TOPOLOGY, seen(), ETCD, protection="zero_loss")
    turns = [f"{action} {name}" for name in ("pg2", "pg3") for action in ("drain", "restart", "return")]
    assert told(plan) == [*turns, "switchover pg1"]
    assert plan["next"] == plan["steps"][0]
    assert (plan["refused"], plan["next_refused"], plan["warnings"]) == ([], [], [])
    drained = FILTERS["rolling_plan"](facts(), "restart", TOPOLOGY, seen(), ETCD, drained=["pg3"])
    assert drained["next"]["action"] == "restart"
    assert drained["next"]["host"] == "pg3"


def test_updates_and_reboots():
    outdated = {"pg1": {}, "pg2": {}, "pg3": {"outdated": ["patroni", "postgresql-17"]}}
    plan = FILTERS["rolling_plan"](facts(), "update", TOPOLOGY, outdated, ETCD)
    assert told(plan) == ["drain pg3", "update pg3", "return pg3"]
    assert plan["steps"][1]["reason"] == "newer packages are there: patroni, postgresql-17"
    former = {
        "pg1": {},
        "pg2": {"outdated": ["haproxy"], "outdated_units": ["patroni.service"]},
        "pg3": {"outdated": []},
    }
    plan = FILTERS["rolling_plan"](facts(), "update", TOPOLOGY, former, ETCD)
    assert told(plan) == ["drain pg2", "update pg2", "return pg2"]
    assert plan["steps"][1]["reason"] == "newer packages are there: haproxy; former programs run: patroni.service"
    booted = {"pg1": {"booted_at": 99}, "pg2": {"booted_at": "1970-01-01T00:01:41+00:00"}, "pg3": {"booted_at": 200.5}}
    plan = FILTERS["rolling_plan"](facts(), "reboot", TOPOLOGY, booted, ETCD, began_at=101.0)
    assert told(plan) == ["switchover pg1", "drain pg1", "reboot pg1", "return pg1"]


def test_everybody_by_the_start_of_postgresql():
    quiet = facts()
    for one in quiet["members"]:
        one |= {"pending_restart": False, "pending_restart_reason": {}}
    started = seen(started_at="2026-01-01T00:00:00+00:00") | {"pg3": {"started_at": "2026-01-03T00:00:00+01:00"}}
    options = {"everybody": True, "began_at": "2026-01-02T00:00:00Z"}
    plan = FILTERS["rolling_plan"](quiet, "restart", TOPOLOGY, started, ETCD, **options)
    assert told(plan) == ["drain pg2", "restart pg2", "return pg2", "switchover pg1"]


def test_a_host_that_nobody_saw_does_not_answer():
    plan = FILTERS["rolling_plan"](facts(), "restart", TOPOLOGY, {"pg1": {}, "pg2": {}}, ETCD)
    assert (plan["steps"], plan["next"]) == ([], None)
    assert "not answering: pg3" in plan["refused"][0]
    assert plan["next_refused"] == plan["refused"]


@pytest.mark.parametrize(
    ("arguments", "options", "reason"),
    [
        (("renew", TOPOLOGY, seen(), ETCD), {}, "the action 'renew' is none of restart, update, reboot"),
        (("reboot", TOPOLOGY, seen(), ETCD), {}, "began_at is missing"),
        (
            ("restart", TOPOLOGY, seen(), ETCD),
            {"everybody": True, "began_at": 5},
            "started_at is missing for pg1, pg2, pg3",
        ),
        (("reboot", TOPOLOGY, seen(booted_at="soon"), ETCD), {"began_at": 5}, "soon"),
        (("restart", TOPOLOGY, seen(), ETCD), {"protection": "full"}, "the protection 'full' is none of"),
        (("restart", {}, seen(), ETCD), {}, "hosts"),
    ],
)
def test_errors_are_ansibles(arguments, options, reason):
    with pytest.raises(AnsibleFilterError, match=reason):
        FILTERS["rolling_plan"](facts(), *arguments, **options)


def test_a_date_needs_its_zone():
    assert moment("1970-01-01T00:00:01Z") == 1.0
    assert moment("12.5") == 12.5
    assert moment(None) is None
    with pytest.raises(ValueError, match="no time zone"):
        moment("2026-01-01 00:00:00")


def host(**changed):
    """As host_status returns it, of a proxy that sends readers to pg3 and a member with its slot."""
    slots = [{"name": "pg3"}, {"name": "other"}]
    servers = [("leader", "pg3", "DOWN"), ("replicas", "pg3", "UP 1/2"), ("replicas", "pg2", "DRAIN")]
    haproxy = [dict(zip(("backend", "name", "status"), each, strict=True)) for each in servers]
    return {"haproxy": haproxy, "postgres": {"slots": slots}, **changed}


def removal(name, seen, **rest):
    plan = FILTERS["removal_plan"](facts(), name, TOPOLOGY, seen, ETCD, **rest)
    json.dumps(plan)
    return plan


UNITS = {
    "patroni.service": {"load": "loaded", "active": "active", "enabled": "enabled"},
    "etcd.service": {"load": "loaded", "active": "failed", "enabled": "enabled"},
    "haproxy.service": {"load": "loaded", "active": "activating", "enabled": "disabled"},
    "keepalived.service": {"load": "not-found", "active": "inactive", "enabled": ""},
}


def test_a_removal_as_a_playbook_asks_for_it():
    seen = {"pg1": host(), "pg2": host(haproxy=None), "pg3": host(postgres=None)}
    plan = removal("pg3", seen, units=UNITS, protection="zero_loss")
    assert [(step["action"], step["on"], step["units"]) for step in plan["steps"]] == [
        ("unroute", ["pg1", "pg3"], []),
        ("stop_proxy", ["pg3"], ["haproxy.service"]),
        ("stop_postgres", ["pg3"], ["patroni.service"]),
        ("forget", ["pg1", "pg2"], []),
        ("drop_slot", ["pg1", "pg2"], []),
        ("remove_etcd", ["pg1", "pg2"], []),
        ("stop_etcd", ["pg3"], ["etcd.service"]),
    ]
    assert plan["slot"] == "pg3"
    assert plan["warnings"][0].startswith("zero_loss needs 2 standbys")


@pytest.mark.parametrize("is_learner", [True, False])
def test_a_member_of_etcd_that_never_started_is_known_by_its_address(is_learner):
    unnamed = {"name": "", "id": "8e9e05c5", "healthy": False, "is_learner": is_learner}
    etcd = {**ETCD, "members": [*ETCD["members"][:3], {**unnamed, "peer_urls": ["https://10.0.0.4:2380"]}]}
    addresses = dict.fromkeys(NAMES, "10.0.0.1")
    topology = {**TOPOLOGY, "etcd": {**addresses, "pg4": "10.0.0.4"}}
    seen_by = {name: host(haproxy=[], postgres=None) for name in (*NAMES, "pg4")}
    plan = FILTERS["removal_plan"](facts(), "pg4", topology, seen_by, etcd)
    assert [(step["action"], step["on"]) for step in plan["steps"]] == [("remove_etcd", list(NAMES))]
    elsewhere = {**topology, "etcd": {**addresses, "pg4": "10.0.0.5"}}
    assert FILTERS["removal_plan"](facts(), "pg4", elsewhere, seen_by, etcd)["steps"] == []


def test_the_last_proxy_that_lives_stays():
    mute = {"pg1": host(haproxy=None), "pg3": host()}
    assert "pg3 is the only proxy that answers" in removal("pg3", mute, units=UNITS)["refused"][0]
    assert removal("pg3", {**mute, "pg2": host()}, units=UNITS)["refused"] == []


def test_a_removal_that_is_refused():
    assert removal("pg1", {name: host() for name in NAMES})["refused"][0].startswith("pg1 leads")
    mute = FILTERS["removal_plan"](None, "pg3", TOPOLOGY, {}, ETCD)
    assert (mute["steps"], mute["refused"]) == ([], ["no Patroni answers. Next: playbooks/status.yml"])
    silent = removal("pg3", {"pg1": host(), "pg2": host()})
    assert silent["steps"] == []
    assert silent["refused"][0].startswith("pg3 runs, but does not answer")
    with pytest.raises(AnsibleFilterError, match="haproxy"):
        removal("pg3", {"pg1": {}})
    with pytest.raises(AnsibleFilterError, match="none of zero_loss"):
        removal("pg3", {}, protection="best")
