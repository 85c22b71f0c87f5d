# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A switchover that Patroni shall do by itself at a given time, or shall forget again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.arguments import patroni_clients
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import first_answer
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import PatroniClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import DeadlineExceeded, Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until

KNOWN_SECONDS = 15.0  # until every member has seen what one of them wrote


def run(params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """What the module answers: what was scheduled, what is now. Verified by what the cluster says afterwards."""
    clients = patroni_clients(params)
    first = first_answer(clients, PatroniClient.cluster)
    before, leader = first.answer, first.answer.leader
    wish = None if params["cancel_scheduled"] else _wish(before, params)
    if is_scheduled(before, wish):
        return _report(before, before, changed=False)
    if wish and before.scheduled_switchover:
        other = before.scheduled_switchover
        raise Refused(f"another switchover is scheduled: {other}. Next: -e switchover_cancel=true")
    if check:
        return _report(before, replace(before, scheduled_switchover=wish), changed=True)
    speaker = first.client
    if wish is None:
        speaker.cancel_switchover()
    elif leader:
        speaker.switchover(leader.name, wish["to"], wish["at"])
    seen = wait_until(speaker.cluster, lambda state: is_scheduled(state, wish), seconds=KNOWN_SECONDS)
    if not seen.reached:
        raise DeadlineExceeded(
            f"{speaker.url} took the request, but the cluster does not show it: {seen.last.scheduled_switchover}. "
            "Next: ansible-playbook status.yml"
        )
    return _report(before, seen.last, changed=True)


def is_scheduled(cluster: ClusterState, wish: Mapping[str, Any] | None) -> bool:
    """True when the cluster has this switchover before it; for no wish, when it has none."""
    scheduled = cluster.scheduled_switchover
    if wish is None or not scheduled:
        return not scheduled and wish is None
    return _moment(scheduled.get("at")) == _moment(wish["at"]) and scheduled.get("to") == wish["to"]


def _wish(cluster: ClusterState, params: Mapping[str, Any]) -> dict[str, Any]:
    if cluster.leader is None:
        raise Refused("the cluster has no leader that could hand over. Next: ansible-playbook failover.yml --check")
    if cluster.paused:
        next_step = "ansible-playbook maintenance.yml -e state=resumed"
        raise Refused(f"Patroni is paused and schedules nothing. Next: {next_step}")
    if params["candidate"] and cluster.member(params["candidate"]) is None:
        raise Refused(f"{params['candidate']!r} is no member of the cluster")
    moment = _moment(params["scheduled_at"])
    if moment is None or moment.tzinfo is None:
        told = f"'scheduled_at' is {params['scheduled_at']!r}"
        raise Refused(f"{told}: write it like 2026-12-01T03:00:00+01:00, with its zone")
    return {"at": params["scheduled_at"], "from": cluster.leader.name, "to": params["candidate"]}


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _report(before: ClusterState, after: ClusterState, *, changed: bool) -> dict[str, Any]:
    return {
        "changed": changed,
        "leader": after.leader.name if after.leader else None,
        "cluster": after.facts(),
        "scheduled": after.scheduled_switchover or None,
        "diff": {
            "before": f"scheduled: {before.scheduled_switchover or None}\n",
            "after": f"scheduled: {after.scheduled_switchover or None}\n",
        },
    }
