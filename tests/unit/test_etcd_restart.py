# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which members of etcd the role restarts, by its own variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.roles import role_variable

HOSTS = ("pg1", "pg2", "pg3")


def host(*, changed: bool | None = False, outdated: bool | None = False, active: str = "active") -> dict[str, Any]:
    """What the role knows of a host; `changed` is None where it did not get so far, `outdated` where nobody knows."""
    units = None if outdated is None else ["etcd.service"] if outdated else []
    told = {"units": {"etcd.service": {"active": active}}, "outdated_units": units}
    configured = {} if changed is None else {"__etcd_configured": {"changed": changed}}
    return {"__pgcluster_answer": {"host": told}, **configured}


def value(name: str, hosts: dict[str, Any], in_play: Sequence[str] = HOSTS) -> Any:
    known = {
        "hostvars": hosts,
        "ansible_play_hosts": list(in_play),
        "pgcluster_reached": list(HOSTS),
        "pgcluster_topology": {"etcd": dict.fromkeys(HOSTS, "")},
    }
    return role_variable("etcd", name, known)


@pytest.mark.parametrize(
    ("second", "restarted"),
    [
        (host(), []),
        (host(changed=True), ["pg2"]),
        (host(outdated=True), ["pg2"]),
        (host(changed=True, outdated=True), ["pg2"]),
        (host(changed=True, active="inactive"), []),
        (host(outdated=None), []),
    ],
)
def test_who_runs_with_a_former_configuration_is_restarted(second, restarted):
    assert value("__etcd_to_restart", {"pg1": host(), "pg2": second, "pg3": host()}) == restarted


def test_a_host_that_failed_before_keeps_nobody_from_restarting():
    hosts = {"pg1": host(changed=None, outdated=True), "pg2": host(changed=True), "pg3": host()}
    assert value("__etcd_to_restart", hosts, in_play=["pg2", "pg3"]) == ["pg2"]


def spared(restarting: list[str], healthy: dict[str, bool], learners: tuple[str, ...] = ()) -> list[str]:
    """Who of those that are due is not restarted, of a store with these members."""
    hosts = {name: host(changed=name in restarting) for name in HOSTS}
    members = [{"name": name, "healthy": well, "is_learner": name in learners} for name, well in healthy.items()]
    quorum = sum(not member["is_learner"] for member in members) // 2 + 1
    seen = {"members": members, "quorum": quorum} if members else None
    hosts[restarting[0]]["__etcd_before"] = {"etcd": seen}
    return value("__etcd_to_spare", hosts)


@pytest.mark.parametrize(
    ("healthy", "waits"),
    [
        ({"pg1": True, "pg2": True, "pg3": True}, []),
        ({"pg1": True, "pg2": True, "pg3": False}, ["pg1", "pg2"]),
        # It is the one that is away, so that its restart takes nothing.
        ({"pg1": False, "pg2": True, "pg3": True}, ["pg2"]),
        # There is no majority that could be lost, or nobody tells.
        ({"pg1": True, "pg2": False, "pg3": False}, []),
        ({}, []),
        # One and two can only be restarted so.
        ({"pg1": True}, []),
        ({"pg1": True, "pg2": True}, []),
        ({"pg1": True, "pg2": True, "pg3": True, "pg4": True, "pg5": False}, []),
        ({"pg1": True, "pg2": True, "pg3": True, "pg4": False, "pg5": False}, ["pg1", "pg2"]),
    ],
)
def test_a_restart_takes_no_majority(healthy, waits):
    assert spared(["pg1", "pg2"], healthy) == waits


def test_a_learner_does_not_count():
    assert spared(["pg2"], {"pg1": True, "pg2": True, "pg3": False}, learners=("pg3",)) == []
    assert spared(["pg2"], {"pg1": True, "pg2": False, "pg3": False}, learners=("pg2",)) == []
