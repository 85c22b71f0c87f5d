# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is worth knowing and harms nobody. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.status import CLUSTER, Finding, Status
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.remedies import (
    CANCEL_SWITCHOVER,
    GIVE_UP_RESTORE,
    ROLLING_UPDATE,
    SITE,
    finish_restore,
)


def scheduled_switchover(status: Status) -> Iterator[Finding]:
    planned = status.cluster.scheduled_switchover if status.cluster else None
    if planned:
        whom = "".join(f" {word} {planned[word]}" for word in ("from", "to") if planned[word])
        yield Finding(CLUSTER, f"a switchover{whom} is scheduled for {planned['at']}", CANCEL_SWITCHOVER)


def scheduled_restarts(status: Status) -> Iterator[Finding]:
    for member in status.cluster_members:
        if member.scheduled_restart:
            problem = f"a restart is scheduled for {member.scheduled_restart}"
            yield Finding(member.name, problem, "nothing to do; it restarts at that time")


def unexpected_members(status: Status) -> Iterator[Finding]:
    for member in status.cluster_members:
        if status.members and member.name not in status.members:
            yield Finding(member.name, "it is a member, but not in the inventory", f"add it there, then {SITE}")


def begun_restore(status: Status) -> Iterator[Finding]:
    if status.restore and not status.restore.stopped:
        problem = (
            f"a restore to {status.restore.target} is under way, or was interrupted; nobody was stopped for it yet"
        )
        to_end = f"{finish_restore(status.restore.cluster)}; or to give it up {GIVE_UP_RESTORE}"
        yield Finding(CLUSTER, problem, to_end)


def others_that_are_not_reached(status: Status) -> Iterator[Finding]:
    """Of a cluster that shares its proxies: no harm of its own, and nothing that its operations should wait for."""
    for host, proxy in status.proxies():
        for endpoint in proxy.nowhere_to_send:
            yield Finding(host, f"its HAProxy has nobody to pass {endpoint} on to", "look at that cluster: status.yml")


def units_that_run_a_former_program(status: Status) -> Iterator[Finding]:
    """It goes on as well as before; what has been mended since is not in use."""
    for name, host in status.hosts.items():
        for unit in host.outdated_units:
            yield Finding(name, f"{unit} has started before its program was changed", ROLLING_UPDATE)


RULES = (
    begun_restore,
    scheduled_switchover,
    scheduled_restarts,
    unexpected_members,
    others_that_are_not_reached,
    units_that_run_a_former_program,
)
