"""Proxies of one cluster that carry the sessions of another one, from the inventory's words."""

from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.shared_proxies import (
    PassedOn,
    endpoints_elsewhere,
    passed_on,
    problems,
    shared_by,
)

GROUPS = {"etcd": ["o1"], "postgres": ["o1", "o2", "s1"], "proxy": ["o1", "o2", "p1", "p2"], "x": ["s1"]}
PORTS = {"rw_port": 5010, "ro_port": 5011, "pooled_rw_port": 6442, "pooled_ro_port": 6443}
SHARED_WITH = {"orders": PORTS}


def inventory(**stock):
    """The proxies of stock, which are hosts of their own, carry orders, whose proxies are its data hosts."""
    told = {"pgcluster_proxies_shared_with": SHARED_WITH, **stock}
    orders = {"pgcluster_name": "orders", "pgcluster_client_networks": ["192.0.2.0/24"]}
    found = {name: {"ansible_host": f"10.0.0.{number}", **orders} for number, name in enumerate(["o1", "o2"], start=1)}
    stocks = {"pgcluster_name": "stock", **told}
    return {**found, **{f"p{n}": {"ansible_host": f"10.0.1.{n}", **stocks} for n in (1, 2)}, "s1": stocks}


def test_a_session_is_passed_on_to_the_proxies_of_its_cluster():
    rw, _ro, _pooled_rw, pooled_ro = passed_on(GROUPS, inventory(), SHARED_WITH)
    networks = ["10.0.0.1", "10.0.0.2", "192.0.2.0/24"]
    assert rw == PassedOn("orders-rw", 5010, {"o1": "10.0.0.1:5000", "o2": "10.0.0.2:5000"}, networks)
    assert pooled_ro == PassedOn("orders-pooled-ro", 6443, {"o1": "10.0.0.1:6433", "o2": "10.0.0.2:6433"}, networks)


def test_a_proxy_has_the_port_that_its_cluster_was_given():
    hosts = inventory()
    hosts["o2"]["pgcluster_rw_port"] = 7000
    rw, *_others = passed_on(GROUPS, hosts, SHARED_WITH)
    assert rw.servers == {"o1": "10.0.0.1:5000", "o2": "10.0.0.2:7000"}


def test_a_cluster_knows_whose_proxies_serve_it():
    found = shared_by(GROUPS, inventory(), "orders")
    assert list(found) == ["stock"]
    assert found["stock"].proxies == {"p1": "10.0.1.1", "p2": "10.0.1.2"}
    assert found["stock"].entrances == ["10.0.1.1", "10.0.1.2"]
    assert shared_by(GROUPS, inventory(), "stock") == {}


def test_a_virtual_address_is_the_entrance():
    found = shared_by(GROUPS, inventory(pgcluster_vip="10.0.1.9/24"), "orders")
    assert found["stock"].entrances == ["10.0.1.9"]


def test_the_endpoints_are_the_same_elsewhere():
    own = {"pooled-rw": {"hosts": ["10.0.0.1"], "port": 6432, "expect": "leader", "purpose": "transactions"}}
    assert endpoints_elsewhere(own, shared_by(GROUPS, inventory(), "orders")) == {
        "pooled-rw-at-stock": {
            "hosts": ["10.0.1.1", "10.0.1.2"],
            "port": 6442,
            "expect": "leader",
            "purpose": "transactions, through stock",
        }
    }


def test_an_endpoint_that_nobody_went_to_is_left_out():
    own = {"rw": {"purpose": "sessions"}}
    sharing = shared_by(GROUPS, inventory(), "orders")
    assert list(endpoints_elsewhere(own, sharing, ["o1", "p2"])) == ["rw-at-stock"]
    assert endpoints_elsewhere(own, sharing, ["o1"]) == {}


def test_nothing_is_wrong_with_what_can_work():
    assert problems(GROUPS, inventory(), "p1", SHARED_WITH) == []
    assert problems(GROUPS, inventory(), "p1", {}) == []


@pytest.mark.parametrize(
    ("shared_with", "told"),
    [
        (["orders"], "is no map from clusters to ports"),
        ({"sales": PORTS}, "names 'sales', which is no other cluster of the inventory (one of orders)"),
        ({"stock": PORTS}, "names 'stock', which is no other cluster of the inventory (one of orders)"),
        ({"orders": {}}, "has to give orders rw_port, ro_port, pooled_rw_port, pooled_ro_port"),
        ({"orders": None}, "has to give orders"),
        ({"orders": {**PORTS, "rw_port": 0}}, "has to give orders"),
        ({"orders": {**PORTS, "rw_port": 65536}}, "has to give orders"),
        ({"orders": {**PORTS, "rw_port": "five"}}, "has to give orders"),
        ({"orders": {**PORTS, "more_port": 1}}, "and nothing else"),
    ],
)
def test_what_cannot_work_is_told_and_breaks_nobody_else(shared_with, told):
    hosts = inventory(pgcluster_proxies_shared_with=shared_with)
    (problem,) = problems(GROUPS, hosts, "p1", shared_with)
    assert told in problem
    if isinstance(shared_with, dict):
        assert len(passed_on(GROUPS, hosts, shared_with)) in (0, 4)
    assert shared_by(GROUPS, hosts, "orders") == {}


def test_a_cluster_without_proxies_has_none_to_pass_sessions_on_to():
    groups = {**GROUPS, "proxy": ["p1", "p2"]}
    (problem,) = problems(groups, inventory(), "p1", SHARED_WITH)
    assert "names orders, which has no host in the group proxy" in problem
    assert passed_on(groups, inventory(), SHARED_WITH)[0].servers == {}


def test_alone_there_is_nobody_to_share_with():
    groups = {"postgres": ["p1"], "proxy": ["p1"]}
    (problem,) = problems(groups, {"p1": {}}, "p1", SHARED_WITH)
    assert "(there is none)" in problem
