# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who founds etcd, by the role's own variables."""

from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.roles import role_variable

ADDRESSES = {"pg1": "10.0.0.1", "pg2": "10.0.0.2", "pg3": "10.0.0.3"}
KNOWN = {
    "pgcluster_topology": {"etcd": ADDRESSES},
    "pgcluster_reached": list(ADDRESSES),
    "ansible_play_hosts": list(ADDRESSES),
}


@pytest.mark.parametrize(
    ("in_play", "with_data", "passes"),
    [
        (["pg1", "pg2", "pg3"], [], True),
        (["pg1", "pg3"], [], True),
        (["pg1"], [], False),
        # There is a store already, which the others join.
        (["pg1"], ["pg1"], True),
        (["pg3"], ["pg1", "pg2"], True),
    ],
)
def test_a_minority_founds_nothing(in_play, with_data, passes):
    known = {**KNOWN, "ansible_play_hosts": in_play, "__etcd_with_data": with_data}
    assert role_variable("etcd", "__etcd_may_begin", known) is passes


def test_who_is_missing_is_named():
    words = role_variable("etcd", "__etcd_too_few_words", {**KNOWN, "ansible_play_hosts": ["pg2"]})
    assert "pg1, pg3 failed before" in words
