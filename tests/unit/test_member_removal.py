# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a removal leaves behind, by its role's own variables."""

from __future__ import annotations

import yaml
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.roles import ROLES, role_variable


def test_slots_are_kept_as_declared_whatever_an_earlier_run_has_left():
    slots_ttl, of_site = "__membership_slots_ttl", ROLES / "patroni" / "vars" / "main" / "dynamic_configuration.yml"
    declared = yaml.safe_load(of_site.read_text(encoding="utf-8"))["__patroni_dynamic_base"]["member_slots_ttl"]
    assert role_variable("membership", slots_ttl, {}) == declared
    own = {"patroni_dynamic_configuration": {"member_slots_ttl": "2h"}}
    assert role_variable("membership", slots_ttl, own) == "2h"


def test_a_member_of_etcd_without_a_name_is_asked_for_by_its_address():
    known = {"pgcluster_topology": {"etcd": {"pg4": "10.0.0.4"}}, "pgcluster_etcd_peer_port": 2380}
    peer_urls = "__membership_peer_urls"
    assert role_variable("membership", peer_urls, {**known, "membership_member": "pg4"}) == ["https://10.0.0.4:2380"]
    assert role_variable("membership", peer_urls, {**known, "membership_member": "pg1"}) == []
