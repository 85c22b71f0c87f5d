# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which members of etcd the role restarts, by its own variables."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.roles import role_variable

HOSTS = ["pg1", "pg2", "pg3"]


def host(*, changed: bool | None = False, outdated: bool | None = False, active: str = "active") -> dict[str, Any]:
    """What the role knows of a host; `changed` is None where it did not get as far, `outdated` where nobody can tell."""
    units = None if outdated is None else ["etcd.service"] if outdated else []
    told = {"units": {"etcd.service": {"active": active}}, "outdated_units": units}
    configured = {} if changed is None else {"__etcd_configured": {"changed": changed}}
    return {"__pgcluster_answer": {"host": told}, **configured}


def value(name: str, hosts: dict[str, Any], in_play: list[str] = HOSTS) -> Any:
    known = {
        "hostvars": hosts,
        "ansible_play_hosts": in_play,
        "pgcluster_reached": HOSTS,
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
