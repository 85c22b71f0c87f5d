# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands against a step of replacing the certificate authority, by the role's own variables."""

from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.roles import role_variable


def objections(**told) -> list[str]:
    known = {
        "tls_renewal_step": "issue",
        "__tls_step_due": "issue",
        "__tls_hosts": ["pg1"],
        "pgcluster_reached": ["pg1"],
        "pgcluster_authority_fingerprints": ["old", "new"],
        "pgcluster_host": {"ca_fingerprints": ["old", "new"], "outdated_units": [], **told},
    }
    return role_variable("tls", "__tls_objections", known)


@pytest.mark.parametrize("units", [[], ["patroni.service"], None])
def test_a_host_that_is_ready(units):
    assert objections(outdated_units=units) == []


def test_an_etcd_that_was_not_restarted_trusts_nobody_new():
    (objection,) = objections(outdated_units=["etcd.service"])
    assert objection == "etcd of this host has not read yet whom it trusts; next: site.yml"


def test_a_host_without_the_new_authority():
    (objection,) = objections(ca_fingerprints=["old"])
    assert objection.startswith("this host does not trust yet")


@pytest.mark.parametrize("folder", ["production", "x" * 64, "größer" * 12])
def test_the_name_of_an_authority_has_room_for_a_date(folder):
    name = role_variable("tls", "__tls_name", {"inventory_dir": f"/srv/inventories/{folder}"})
    assert name.startswith(f"Matriarch {folder[:2]}")
    assert len(f"{name} 2026-01-31".encode()) <= 64


def test_who_failed_on_the_way_is_named():
    known = {
        "ansible_play_hosts_all": ["pg1", "pg2", "watch1"],
        "ansible_play_hosts": ["pg1"],
        "tls_renewal_step": "trust",
    }
    assert role_variable("tls", "__tls_left_behind", known) == ["pg2", "watch1"]
    words = role_variable("tls", "__tls_left_behind_words", known)
    assert words.startswith("The step trust is not everywhere yet, because pg2, watch1 failed")
