# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.host_report import Pooler, parse_reports
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.status import Status, Sync
from ansible_collections.matriarch.pgcluster.tests.unit.fakes import report as fake
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import member

CLUSTER = ClusterState.from_json({"members": [member("pg1", "leader"), member("pg2", "quorum_standby")]})


def parsed(**changes: Any) -> Any:
    return parse_reports(fake.hosts(pg1=fake.report(leads=True, **changes)))["pg1"]


def test_a_healthy_report() -> None:
    host = parsed()
    assert host.answers
    assert host.groups == ("etcd", "postgres", "proxy")
    assert (host.proxy.leaders, host.proxy.replicas, host.proxy.taken_out) == (("pg1",), ("pg2", "pg3"), ())
    assert host.poolers == (Pooler("rw", active=4), Pooler("ro", active=4))
    assert host.instance.in_recovery is False
    assert (host.stopped_units, host.problems) == ({}, ())


def test_a_silent_host_told_nothing() -> None:
    silent = parse_reports(fake.hosts(pg2=None))["pg2"]
    assert (silent.answers, silent.proxy, silent.poolers, silent.instance, silent.told) == (False, None, (), None, {})


def test_what_does_not_answer_has_its_reason_from_the_problems() -> None:
    problems = ["haproxy: refused", "pooler ro: no answer: in 2 s", "postgres: starting up"]
    host = parsed(haproxy=None, poolers={"rw": fake.pooler(), "ro": None}, postgres=None, problems=problems)
    assert host.proxy.error == "refused"
    assert [pooler.error for pooler in host.poolers] == ["", "no answer: in 2 s"]
    assert host.problems == ("postgres: starting up",)


def test_what_was_not_asked_is_no_problem() -> None:
    host = parsed(haproxy=None, poolers={}, postgres=None, units=None)
    assert (host.proxy, host.poolers, host.instance, host.stopped_units) == (None, (), None, {})


@pytest.mark.parametrize("failing", [True, False])
@pytest.mark.parametrize("enabled", [True, False])
def test_an_archiver_fails_only_where_there_is_one(enabled: bool, failing: bool) -> None:
    archiver = {"enabled": enabled, "failing": failing, "last_failed_wal": "0000A", "ready_files": 7}
    told = parsed(postgres=fake.postgres(archiver=archiver)).instance.archiving_fails
    assert told == ("0000A could not be archived, 7 segments wait" if enabled and failing else "")


@pytest.mark.parametrize("odd", [7, "x", [], {"report": 7}, {"report": {}}, {"report": {"problems": None}}])
def test_a_report_that_is_none_is_refused(odd: object) -> None:
    with pytest.raises(MatriarchError, match="reports of host_status"):
        parse_reports({"pg1": odd})


@pytest.mark.parametrize(
    ("config", "mode", "strict"),
    [
        ({}, "async", False),
        ({"synchronous_mode": False}, "async", False),
        ({"synchronous_mode": "off", "synchronous_mode_strict": True}, "async", False),
        ({"synchronous_mode": True}, "sync", False),
        ({"synchronous_mode": "on", "synchronous_mode_strict": "yes"}, "sync", True),
        ({"synchronous_mode": "quorum", "synchronous_mode_strict": True}, "quorum", True),
        ({"synchronous_mode": "QUORUM", "synchronous_mode_strict": "off"}, "quorum", False),
        ({"synchronous_mode": "maybe"}, "async", False),
        (None, None, False),
    ],
)
def test_how_commits_wait(config: dict[str, Any] | None, mode: str | None, strict: bool) -> None:
    sync = Sync.of(config, CLUSTER)
    assert (sync.mode, sync.strict, sync.standbys) == (mode, strict, ("pg2",))
    assert sync.is_wanted == (mode in ("sync", "quorum"))


def test_facts_give_each_part_by_the_hosts_that_have_it() -> None:
    hosts = {
        "db1": {"postgres": True, "report": fake.report(haproxy=None, poolers={})},
        "px1": {"proxy": True, "report": fake.report(postgres=None)},
        "px2": {"proxy": True, "report": None},
    }
    facts = Status(CLUSTER, hosts=parse_reports(hosts)).facts()
    assert {part: list(facts[part]) for part in ("proxies", "poolers", "instances", "certificates")} == {
        "proxies": ["px1"],
        "poolers": ["px1"],
        "instances": ["db1"],
        "certificates": ["db1", "px1"],
    }
    assert facts["silent_hosts"] == ["px2"]
    assert facts["etcd"] is None
