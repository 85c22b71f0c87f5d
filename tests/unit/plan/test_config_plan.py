# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.config import (
    is_merged,
    merge,
    plan_config,
    same,
)
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import merge_like_patroni

ACTUAL: dict[str, Any] = {
    "ttl": 30,
    "loop_wait": 10,
    "retry_timeout": 10,
    "postgresql": {
        "use_pg_rewind": True,
        "pg_hba": ["local all all peer"],
        "parameters": {"max_connections": 100, "work_mem": "8MB", "wal_log_hints": "on", "TimeZone": "UTC"},
    },
}


def declared(**parameters: Any) -> dict[str, Any]:
    return {"postgresql": {"parameters": parameters}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (True, "on"),
        (False, "off"),
        (True, "yes"),
        ("ON", "true"),
        (200, "200"),
        (0.5, "0.50"),
        (1.0, 1),
        ("-1", -1),
        ("256MB", "256MB"),
        (["a", 1], ["a", "1"]),
        ({"a": True}, {"a": "on"}),
    ],
)
def test_different_spellings_of_one_value_are_the_same(one: object, other: object) -> None:
    assert same(one, other)
    assert same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (True, 1),
        ("on", "1"),
        ("256MB", "256 MB"),
        ("1GB", "1024MB"),
        ("0640", 640),
        ("10", 1),
        ("1.5", "15"),
        ("", "off"),
        ("Abc", "abc"),
        ([1], [1, 2]),
        ([1], "[1]"),
        ({}, "{}"),
        ({"a": 1}, {"b": 1}),
        ("٣", 3),
        ("nan", "NaN"),
    ],
)
def test_different_values_are_not(one: object, other: object) -> None:
    assert not same(one, other)
    assert not same(other, one)


@pytest.mark.parametrize(
    ("wish", "patch"),
    [
        ({}, {}),
        ({"ttl": "30"}, {}),
        ({"ttl": 40}, {"ttl": 40}),
        ({"postgresql": {"use_pg_rewind": "on"}}, {}),
        ({"failsafe_mode": True}, {"failsafe_mode": True}),
        ({"failsafe_mode": None}, {}),
        ({"retry_timeout": None}, {"retry_timeout": None}),
        (declared(work_mem=None), declared(work_mem=None)),
        (declared(wal_log_hints=True, max_connections="100"), {}),
        (declared(max_connections=200, work_mem="8MB"), declared(max_connections=200)),
        (declared(timezone="UTC"), {}),
        (declared(timezone="CET"), declared(TimeZone="CET")),
        (declared(), {}),
        ({"slots": {"a": {"type": "physical", "x": None}}}, {"slots": {"a": {"type": "physical"}}}),
        ({"slots": {}}, {}),
        ({"postgresql": {"pg_hba": ["local all all peer"]}}, {}),
        ({"postgresql": {"pg_hba": ["local all all reject"]}}, {"postgresql": {"pg_hba": ["local all all reject"]}}),
    ],
)
def test_the_patch_is_the_smallest(wish: dict[str, Any], patch: dict[str, Any]) -> None:
    plan = plan_config(wish, ACTUAL)
    assert plan.patch == patch
    assert plan.before == ACTUAL
    assert plan.after == merge(ACTUAL, patch)


def test_a_purge_removes_the_parameters_that_are_not_declared_and_nothing_else() -> None:
    plan = plan_config(declared(max_connections=100, TIMEZONE="UTC"), ACTUAL, purge_parameters=True)
    assert plan.patch == declared(wal_log_hints=None, work_mem=None)
    assert plan.after == {**ACTUAL, "postgresql": {**ACTUAL["postgresql"], **plan.after["postgresql"]}}
    assert plan.after["postgresql"]["parameters"] == {"max_connections": 100, "TimeZone": "UTC"}


@pytest.mark.parametrize("wish", [{}, {"postgresql": {}}, {"postgresql": {"parameters": None}}])
def test_a_purge_without_declared_parameters_is_refused(wish: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"needs config\.postgresql\.parameters"):
        plan_config(wish, ACTUAL, purge_parameters=True)


def test_only_changed_parameters_may_want_a_restart() -> None:
    assert plan_config(declared(work_mem="9MB"), ACTUAL).changes_parameters
    assert not plan_config({"ttl": 40}, ACTUAL).changes_parameters
    assert not plan_config({"postgresql": {"use_slots": False}}, ACTUAL).changes_parameters


@pytest.mark.parametrize(
    ("wish", "actual"),
    [
        (declared(a=1, b="x", c=None), {}),
        (declared(a=1), {"postgresql": None}),
        (declared(a=1), {"postgresql": {"parameters": "damaged"}}),
        ({"slots": {"s": {"type": "logical", "database": "d"}}, "synchronous_mode": "quorum"}, {"slots": "damaged"}),
        ({"ignore_slots": [{"name": "x"}]}, {"ignore_slots": {"damaged": 1}}),
        ({"synchronous_mode": True, "ttl": None}, {"synchronous_mode": {"damaged": 1}, "ttl": None}),
    ],
)
def test_what_patroni_makes_of_the_patch_leaves_nothing_to_do(wish: dict[str, Any], actual: dict[str, Any]) -> None:
    patch = plan_config(wish, actual).patch
    merged = copy.deepcopy(actual)
    merge_like_patroni(merged, patch)
    assert patch
    assert not is_merged(patch, actual)
    assert is_merged(patch, merged)
    assert plan_config(wish, merged).patch == {}


def test_the_given_configurations_are_not_touched() -> None:
    wish, actual = declared(Work_Mem="9MB"), copy.deepcopy(ACTUAL)
    plan = plan_config(wish, actual, purge_parameters=True)
    plan.after["postgresql"]["pg_hba"].append("x")
    plan.before["postgresql"]["pg_hba"].append("y")
    assert wish == declared(Work_Mem="9MB")
    assert actual == ACTUAL


REFUSALS = [
    ({"ttl": 5}, "ttl is 5, but must be a whole number of seconds, at least 20"),
    ({"ttl": "abc"}, "ttl is 'abc'"),
    ({"ttl": True}, "ttl is True"),
    ({"ttl": 20.5}, "ttl is 20.5"),
    ({"loop_wait": 0}, "loop_wait is 0, but must be"),
    ({"retry_timeout": 2}, "retry_timeout is 2, but must be"),
    ({"ttl": 20}, "loop_wait 10 + 2 * retry_timeout 10 = 30 is more than ttl 20"),
    ({"loop_wait": 11}, "= 31 is more than ttl 30"),
    ({"retry_timeout": None, "loop_wait": 11}, "= 31 is more than ttl 30"),
    ({"synchronous_mode": "maybe"}, "synchronous_mode is 'maybe', but must be true, false or quorum"),
    ({"synchronous_mode": {}}, "synchronous_mode is {}"),
    ({"synchronous_node_count": 0}, "synchronous_node_count is 0"),
    ({"failsafe_mode": "sometimes"}, "failsafe_mode is 'sometimes'"),
    ({"maximum_lag_on_failover": "1MB"}, "maximum_lag_on_failover is '1MB'"),
    ({"member_slots_ttl": "soon"}, "member_slots_ttl is 'soon'"),
    ({"slots": []}, "slots is [], but must be a dictionary"),
    ({"ignore_slots": {}}, "ignore_slots is {}, but must be a list"),
    ({"sychronous_mode": True}, "sychronous_mode is no setting of Patroni, which would ignore it: synchronous_mode"),
    ({"restapi": {}}, "restapi is no dynamic setting"),
    ({"postgresql": []}, "postgresql is [], but must be a dictionary"),
    ({"postgresql": None}, "postgresql is null, which would remove it whole"),
    ({"postgresql": {"parameters": ["a=1"]}}, "postgresql.parameters is ['a=1'], but must be a dictionary"),
    ({"postgresql": {"parameters": "a=1"}}, "postgresql.parameters is 'a=1', but must be a dictionary"),
    ({"postgresql": {"parameters": None}}, "postgresql.parameters is null"),
    ({"postgresql": {"listen": "*:5432"}}, "postgresql.listen is no dynamic setting"),
    ({"postgresql": {"data_dir": "/x"}}, "postgresql.data_dir is no dynamic setting"),
    ({"postgresql": {"pg_hba": "local all all peer"}}, "must be a list of lines"),
    ({"postgresql": {"pg_hba": ["a\nhost all all 0.0.0.0/0 trust"]}}, "must be a list of lines"),
    (declared(listen_addresses="*"), "listen_addresses would be ignored: Patroni takes it from postgresql.listen"),
    (declared(PORT=1), "PORT would be ignored"),
    (declared(cluster_name="x"), "cluster_name would be ignored"),
    (declared(data_directory="/x"), "data_directory would be ignored"),
    (declared(primary_conninfo="host=x"), "primary_conninfo would be ignored"),
    (declared(wal_level="minimal"), "wal_level is 'minimal', but must be replica or logical"),
    (declared(hot_standby="off"), "hot_standby is 'off', but must be on"),
    (declared(max_connections=10), "max_connections is 10, but must be a whole number, at least 25"),
    (declared(MAX_CONNECTIONS=10), "max_connections is 10"),
    (declared(max_connections="200 "), "max_connections is '200 '"),
    (declared(max_wal_senders=2), "max_wal_senders is 2"),
    (declared(max_replication_slots=3), "max_replication_slots is 3"),
    (declared(max_worker_processes=1), "max_worker_processes is 1"),
    (declared(max_locks_per_transaction=31), "max_locks_per_transaction is 31"),
    (declared(max_prepared_transactions=-1), "max_prepared_transactions is -1"),
    (declared(wal_keep_size="15MB"), "wal_keep_size is '15MB', but must be a size of at least 16MB"),
    (declared(wal_keep_size=15), "wal_keep_size is 15"),
    (declared(wal_keep_size="1 parsec"), "wal_keep_size is '1 parsec'"),
    (declared(track_commit_timestamp="perhaps"), "track_commit_timestamp is 'perhaps'"),
    (declared(work_mem={"a": 1}), "work_mem is {'a': 1}, but must be one text, number or switch"),
    (declared(work_mem=["1MB"]), "work_mem is ['1MB']"),
    (declared(archive_command="x\nlisten_addresses = '*'"), "archive_command contains a line break"),
    (declared(archive_command="x\0y"), "archive_command contains a line break or a null character"),
    (declared(**{"a b": 1}), "'a b' is no name of a parameter"),
    (declared(**{"": 1}), "'' is no name of a parameter"),
    (declared(**{"x = 1 #": 1}), "is no name of a parameter"),
    (declared(**{"../x": 1}), "is no name of a parameter"),
    (declared(work_mem="1MB", Work_Mem="2MB"), "work_mem is declared 2 times"),
]


@pytest.mark.parametrize(("wish", "reason"), REFUSALS)
def test_what_patroni_would_ignore_or_break_on_is_refused(wish: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused) as caught:
        plan_config(wish, ACTUAL)
    assert reason in str(caught.value)
    assert str(caught.value).endswith("; ".join(caught.value.details["problems"]))  # type: ignore[arg-type]


def test_all_problems_are_told_at_once() -> None:
    wish = {"ttl": 5, "synchronous_mode": "maybe", **declared(port=1, work_mem=[])}
    with pytest.raises(Refused) as caught:
        plan_config(wish, ACTUAL)
    assert len(caught.value.details["problems"]) >= 4  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wish",
    [
        {"ttl": 20, "loop_wait": 5, "retry_timeout": 7},
        {"ttl": "20", "loop_wait": "1", "retry_timeout": "3"},
        {"synchronous_mode": "quorum", "synchronous_mode_strict": True, "check_timeline": "on", "pause": False},
        {"member_slots_ttl": "30min", "maximum_lag_on_syncnode": -1, "maximum_lag_on_failover": 0},
        {"some_setting_of_a_later_patroni": {"x": 1}},
        {"standby_cluster": {"host": "x", "port": 5432}},
        {"ignore_slots": [{"type": "logical"}], "postgresql": {"pg_hba": ["host\tall\tall\t::1/128\tscram-sha-256"]}},
        declared(wal_level="logical", hot_standby="on", max_connections="200", wal_keep_size="1GB", wal_log_hints=True),
        declared(**{"pg_stat_statements.track": "all", "shared_preload_libraries": "a,b"}),
        declared(archive_command="sh -c 'x %p' \"$1\" {{ not_a_template }} \\ ä"),
        declared(synchronous_standby_names="*"),
        declared(port=None),
    ],
)
def test_what_patroni_heeds_is_accepted(wish: dict[str, Any]) -> None:
    assert plan_config(wish, ACTUAL, patroni_version="4.1.4").after


def test_patroni_names_the_synchronous_standbys_itself() -> None:
    with pytest.raises(Refused, match="synchronous_standby_names would be ignored"):
        plan_config(declared(synchronous_standby_names="*"), {**ACTUAL, "synchronous_mode": "quorum"})


@pytest.mark.parametrize("version", ["3.0.2", "3.3.8"])
def test_a_patroni_that_does_not_know_the_word_gets_no_quorum(version: str) -> None:
    with pytest.raises(Refused, match=f"needs Patroni 4.0: this is {version}"):
        plan_config({"synchronous_mode": "Quorum"}, ACTUAL, patroni_version=version)


@pytest.mark.parametrize("version", ["4.0.0", "10.1", ""])
def test_a_patroni_that_knows_the_word_gets_it(version: str) -> None:
    plan = plan_config({"synchronous_mode": "quorum"}, ACTUAL, patroni_version=version)
    assert plan.patch == {"synchronous_mode": "quorum"}


def test_timeouts_that_were_wrong_before_are_no_reason_to_refuse_something_else() -> None:
    assert plan_config(declared(work_mem="9MB"), {**ACTUAL, "ttl": 20}).patch == declared(work_mem="9MB")
