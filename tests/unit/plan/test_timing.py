# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets keep their promises, bounds add up, and every broken rule is found."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.timing import PRESETS, as_dict, parse, timing
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.timing import bounds, violations, worst

# The longest write gaps in seconds that were measured with the fast preset's values.
MEASURED_FAST = {"postgresql_crash": 2.7, "host_lost": 21.4, "host_lost_with_etcd_leader": 24.8}


@pytest.mark.parametrize(("preset", "declared"), [("fast", 30), ("standard", 45), ("tolerant", 90)])
def test_a_preset_breaks_no_rule_and_keeps_its_promise(preset, declared):
    settings = timing(preset)
    assert settings.rto_seconds == declared
    assert violations(settings, declared) == []


def test_the_computed_bound_lies_above_what_was_measured():
    computed = {bound.fault: bound.seconds for bound in bounds(timing("fast"))}
    assert all(computed[fault] >= seconds for fault, seconds in MEASURED_FAST.items())


def test_bounds_are_the_sums_of_their_terms():
    computed = {bound.fault: bound for bound in bounds(timing("fast"))}
    assert {fault: bound.seconds for fault, bound in computed.items()} == {
        "postgresql_crash": 6.7,
        "clean_stop": 6.7,
        "patroni_frozen": 25.7,
        "host_lost": 25.7,
        "host_lost_with_etcd_leader": 28.7,
    }
    assert [seconds for _what, seconds in computed["host_lost_with_etcd_leader"].terms] == [2, 20, 1, 1, 3, 0.5, 1, 0.2]
    assert worst(timing("fast")) == computed["host_lost_with_etcd_leader"]


def test_time_to_start_again_counts():
    given = timing("fast", {"primary_start_timeout": 60})
    assert bounds(given)[0].seconds == pytest.approx(66.7)
    assert [each.id for each in violations(given, 30)] == ["declared_rto", "pooled_clients_give_up"]


@pytest.mark.parametrize(
    ("overrides", "declared", "broken"),
    [
        ({}, 28.6, {"declared_rto"}),
        ({"ttl": 19}, 30, {"ttl_minimum"}),
        ({"retry_timeout": 2, "etcd_election_ms": 500}, 30, {"retry_timeout_minimum"}),
        ({"retry_timeout": 10}, 30, {"ttl_rule"}),
        ({"loop_wait": 9, "retry_timeout": 9}, 30, {"ttl_rule", "guard_too_early"}),
        ({"etcd_heartbeat_ms": 201}, 30, {"etcd_election"}),
        ({"etcd_election_ms": 3000}, 60, {"etcd_election_against_retry_timeout", "pooled_clients_give_up"}),
        ({"watchdog_safety_margin": 0}, 30, {"guard_after_lease"}),
        ({"watchdog_safety_margin": 12}, 30, {"guard_too_early"}),
        ({"pgbouncer_query_wait_timeout": 20}, 30, {"pooled_clients_give_up"}),
        ({"haproxy_fall": 20}, 30, {"silent_host_seen_late"}),
    ],
)
def test_each_broken_rule_is_found(overrides, declared, broken):
    found = violations(timing("fast", overrides), declared)
    assert {each.id for each in found} == broken
    assert all(each.problem and each.remedy for each in found)


@pytest.mark.parametrize(("ttl", "loop", "retry"), list(itertools.product((20, 25, 60), (1, 5, 10), (3, 8, 25))))
def test_whatever_breaks_no_rule_obeys_patronis(ttl, loop, retry):
    settings = timing("fast", {"ttl": ttl, "loop_wait": loop, "retry_timeout": retry})
    fits = loop + 2 * retry <= ttl
    assert ("ttl_rule" in {each.id for each in violations(settings, 999)}) is not fits
    if not violations(settings, 999):
        assert loop + retry < settings.guard_timeout < ttl


def test_text_from_templates_is_a_number():
    settings = timing("fast", {"ttl": "30", "pgbouncer_server_login_retry": "0.5"})
    assert (settings.ttl, settings.pgbouncer_server_login_retry) == (30, 0.5)


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"tll": 30}, "no such timeout: tll"),
        ({"guard_timeout": 30}, "no such timeout: guard_timeout"),
        ({"ttl": "soon"}, "'soon', which is no number"),
        ({"ttl": True}, "True, which is no number"),
        ({"ttl": None}, "None, which is no number"),
        ({"ttl": 20.5}, "a whole number of at least 1"),
        ({"loop_wait": 0}, "a whole number of at least 1"),
        ({"ttl": "nan"}, "a whole number"),
        ({"ttl": "inf"}, "a whole number"),
        ({"pgbouncer_server_login_retry": -1}, "a number of at least 0.01"),
    ],
)
def test_senseless_values_are_refused(overrides, reason):
    with pytest.raises(Refused, match=reason):
        timing("fast", overrides)


def test_an_unknown_preset_is_refused():
    with pytest.raises(Refused, match="choose one of fast, standard, tolerant"):
        timing("quick")


def test_a_dict_is_read_as_it_was_written():
    for preset in PRESETS:
        assert parse(as_dict(timing(preset))) == timing(preset)
    assert as_dict(timing("fast"))["guard_timeout"] == 15
    with pytest.raises(Refused, match="they lack loop_wait"):
        parse({"ttl": 20})
