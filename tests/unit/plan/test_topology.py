"""Who belongs to which cluster, from the inventory's words."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.topology import clusters, topology

ROOT = Path(__file__).resolve().parents[3]
ALL_IN_ONE = {"etcd": ["a", "b", "c"], "postgres": ["a", "b", "c"], "proxy": ["a", "b", "c"]}
ADDRESSES = {name: {"ansible_host": f"10.0.0.{number}"} for number, name in enumerate("abcdef", start=1)}


def test_hosts_of_three_groups_are_one_cluster():
    found = topology(ALL_IN_ONE, ADDRESSES, "b")
    assert found.postgres == found.etcd == found.proxy == {"a": "10.0.0.1", "b": "10.0.0.2", "c": "10.0.0.3"}
    assert found.hosts == ["a", "b", "c"]
    assert found.colocated


def test_nobody_is_asked_twice_for_its_variables():
    asked = []

    class Hostvars(dict):
        def __getitem__(self, name):
            asked.append(name)
            return super().__getitem__(name)

    topology(ALL_IN_ONE, Hostvars(ADDRESSES), "b")
    assert sorted(asked) == ["a", "b", "c"]


def test_an_address_of_its_own_comes_before_the_one_that_ansible_uses():
    hosts = {"a": {"ansible_host": "203.0.113.1", "pgcluster_address": "10.0.0.1"}, "b": {}, "c": {}}
    assert topology(ALL_IN_ONE, hosts, "a").postgres == {"a": "10.0.0.1", "b": "b", "c": "c"}


@pytest.mark.parametrize(
    ("members", "protection"), [(0, "async"), (1, "async"), (2, "balanced"), (3, "zero_loss"), (5, "zero_loss")]
)
def test_the_default_promise_is_what_the_members_can_keep(members, protection):
    groups = {"postgres": list("abcde")[:members], "etcd": ["f"], "proxy": []}
    assert topology(groups, ADDRESSES, "f").default_protection == protection


def test_clusters_of_one_inventory_share_only_the_etcd_that_both_name():
    groups = {"etcd": ["a", "b", "c"], "postgres": ["a", "b", "c"], "proxy": ["c"]}
    named = {"a": "orders", "b": "orders", "c": "stock"}
    hosts = {
        host: {**ADDRESSES[host], "pgcluster_name": name, "pgcluster_etcd_name": "shared"}
        for host, name in named.items()
    }
    orders, stock = topology(groups, hosts, "a"), topology(groups, hosts, "c")
    assert (list(orders.postgres), list(stock.postgres)) == (["a", "b"], ["c"])
    assert list(orders.etcd) == list(stock.etcd) == ["a", "b", "c"]
    assert (orders.colocated, stock.colocated) == (False, True)
    assert (orders.hosts[0], stock.hosts[0]) == ("a", "c"), "a cluster is spoken for by a host of its own"


def test_without_a_shared_name_each_cluster_has_its_own_etcd():
    hosts = {host: {**ADDRESSES[host], "pgcluster_name": "x" if host == "a" else "y"} for host in "abc"}
    assert list(topology(ALL_IN_ONE, hosts, "a").etcd) == ["a"]
    assert list(topology(ALL_IN_ONE, hosts, "b").etcd) == ["b", "c"]


def test_groups_that_the_inventory_lacks_are_empty():
    found = topology({"postgres": ["a"]}, ADDRESSES, "a")
    assert found.as_dict() == {
        "name": "main",
        "etcd": {},
        "postgres": {"a": "10.0.0.1"},
        "proxy": {},
        "hosts": ["a"],
        "colocated": False,
        "default_ports": {"rw": 5432, "ro": 5433, "pooled_rw": 6432, "pooled_ro": 6433},
        "default_protection": "async",
    }


def test_a_cluster_has_the_hosts_that_have_its_name():
    groups = {"etcd": ["e", "a"], "postgres": ["a", "b", "c"], "proxy": ["d", "c"], "monitoring": ["m"], "other": ["x"]}
    named = {"a": "orders", "b": "orders", "c": "stock", "d": "orders", "m": "stock", "x": "orders"}
    hosts = {host: {"pgcluster_name": named[host]} if host in named else {} for host in "abcdemx"}
    assert clusters(groups, hosts) == {"orders": ["a", "b", "d"], "stock": ["c", "m"]}


def test_a_cluster_without_a_name_has_the_usual_one():
    assert clusters(ALL_IN_ONE, ADDRESSES) == {"main": ["a", "b", "c"]}


def test_the_roles_defaults_are_the_same_ports():
    told = yaml.safe_load((ROOT / "roles" / "pgcluster" / "defaults" / "main.yml").read_text(encoding="utf-8"))
    ports = topology(ALL_IN_ONE, ADDRESSES, "a").default_ports
    for endpoint in ("pooled_rw", "pooled_ro"):
        assert told[f"pgcluster_{endpoint}_port"] == ports[endpoint]
    for endpoint in ("rw", "ro"):
        assert f"default_ports.{endpoint} " in told[f"pgcluster_{endpoint}_port"]
