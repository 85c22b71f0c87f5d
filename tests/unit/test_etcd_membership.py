# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who founds etcd, and whom the others look for at a former address, by the role's own variables."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.roles import role_variable

ADDRESSES = {"pg1": "10.0.0.1", "pg2": "10.0.0.2", "pg3": "10.0.0.3"}
KNOWN = {
    "pgcluster_topology": {"etcd": ADDRESSES},
    "pgcluster_reached": list(ADDRESSES),
    "ansible_play_hosts": list(ADDRESSES),
    "pgcluster_etcd_peer_port": 2380,
    "pgcluster_etcd_urls": [f"https://{address}:2379" for address in ADDRESSES.values()],
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


def member(name: str, **changes: Any) -> dict[str, Any]:
    """A member where it is declared to be."""
    address = ADDRESSES[name]
    urls = {"peer_urls": [f"https://{address}:2380"], "client_urls": [f"https://{address}:2379"]}
    return {"name": name, "is_learner": False, **urls, **changes}


def moved(*members: dict[str, Any]) -> list[str]:
    return role_variable("etcd", "__etcd_moved", {**KNOWN, "__etcd_cluster": {"etcd": {"members": list(members)}}})


FORMER = {"peer_urls": ["https://10.0.0.9:2380"]}


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (member("pg2"), []),
        (member("pg2", **FORMER), ["pg2"]),
        (member("pg2", peer_urls=["https://10.0.0.1:2380"]), ["pg2"]),
        # It has not restarted since, runs elsewhere, or is yet to be let vote.
        (member("pg2", **FORMER, client_urls=["https://10.0.0.9:2379"]), []),
        (member("pg2", **FORMER, client_urls=[]), []),
        (member("pg2", **FORMER, is_learner=True), []),
        # It was registered and never started.
        ({**member("pg2", client_urls=[]), "name": ""}, []),
    ],
)
def test_a_member_that_moved(second, expected):
    assert moved(member("pg1"), second, member("pg3")) == expected


def test_nobody_moved_as_far_as_nobody_tells():
    assert role_variable("etcd", "__etcd_moved", {**KNOWN, "__etcd_cluster": {"etcd": None}}) == []
