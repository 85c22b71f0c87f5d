# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every exporter of every cluster is asked, once, and its labels say whose it is."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.filter.monitoring import monitoring_target_files
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.monitoring_targets import targets

PORTS = {"node": 1, "postgres": 2, "pgbouncer_rw": 3, "pgbouncer_ro": 4, "haproxy": 5, "patroni": 6, "etcd": 7}
GROUPS = {"etcd": ["e1"], "postgres": ["db1", "db2"], "proxy": ["db1"], "monitoring": ["mon1"]}
HOSTS: dict[str, dict[str, Any]] = {
    "e1": {"ansible_host": "10.0.0.9", "pgcluster_etcd_name": "shared"},
    "db1": {"ansible_host": "10.0.0.1"},
    "db2": {"ansible_host": "10.0.0.2", "pgcluster_name": "other", "pgcluster_patroni_port": 8009},
    "mon1": {"ansible_host": "10.0.0.7", "pgcluster_address": "10.1.0.7"},
}


def asked(job, hosts=None):
    return {each["targets"][0]: each["labels"] for each in targets(GROUPS, hosts or HOSTS, PORTS)[job]}


def test_every_host_is_asked_once():
    assert list(asked("node")) == ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.9:1", "10.1.0.7:1"]


def test_labels_say_whose_it_is():
    assert asked("postgres") == {
        "10.0.0.1:2": {"cluster": "main", "member": "db1"},
        "10.0.0.2:2": {"cluster": "other", "member": "db2"},
    }


def test_a_proxy_has_two_poolers():
    assert [labels["pool"] for labels in asked("pgbouncer").values()] == ["rw", "ro"]
    assert list(asked("haproxy")) == ["10.0.0.1:5"]


def test_a_port_of_its_own_is_taken():
    assert list(asked("patroni")) == ["10.0.0.1:6", "10.0.0.2:8009"]


def test_etcd_is_known_by_its_own_name():
    assert asked("etcd") == {"10.0.0.9:7": {"cluster": "shared", "member": "e1"}}


def test_a_cluster_without_exporters_is_asked_for_what_it_has_anyway():
    hosts = {**HOSTS, "db1": {**HOSTS["db1"], "monitoring_exporters": "never"}}
    assert "10.0.0.1:1" not in asked("node", hosts)
    assert asked("haproxy", hosts) == {}
    assert "10.0.0.1:6" in asked("patroni", hosts)


def test_poolers_can_be_left_out():
    hosts = {**HOSTS, "db1": {**HOSTS["db1"], "monitoring_poolers": "none"}}
    assert asked("pgbouncer", hosts) == {}
    assert list(asked("haproxy", hosts)) == ["10.0.0.1:5"]


def test_a_job_without_targets_has_a_file_too():
    found = targets({"postgres": ["db1"]}, HOSTS, PORTS)
    files = {each["path"]: json.loads(each["content"]) for each in monitoring_target_files(found, "/folder")}
    assert files["/folder/etcd.json"] == []
    assert files["/folder/patroni.json"][0]["targets"] == ["10.0.0.1:6"]
