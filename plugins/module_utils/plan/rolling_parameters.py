# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which parameters make the order of restarts matter. Pure.

PostgreSQL: on a standby these five must be at least what they are on the primary, else it does not start, or its
recovery pauses ("Administrator's Overview" of hot standby). The primary's values reach it through the WAL and stand in
its pg_control.
Patroni starts a standby with the greater one of its configuration and pg_control, and lets it wait for another restart
then (`effective_configuration` in postgresql/config.py). So a raised value goes to the standbys first. A lowered one
goes to the leader first, and in place: whoever is promoted still has the old value, and whoever is demoted starts with
it again, so a switchover would change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import Member

NOT_BELOW_THE_PRIMARYS = frozenset({
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_transactions",
    "max_locks_per_transaction",
})  # fmt: skip


def raised(member: Member) -> frozenset[str]:
    """The parameters of that kind which a restart of the member would raise; also those of unknown direction, since
    it does no harm to restart standbys first.
    """
    return _waiting(member) - lowered(member)


def lowered(member: Member) -> frozenset[str]:
    """The parameters of that kind which a restart would lower. Patroni tells values since 4.0, so none before."""
    return frozenset(name for name in _waiting(member) if _falls(member.pending_restart_reason[name]))


def _waiting(member: Member) -> frozenset[str]:
    return NOT_BELOW_THE_PRIMARYS.intersection(member.pending_restart_reason)


def _falls(change: object) -> bool:
    """Values come as text, like {"old_value": "200", "new_value": "100"}."""
    if not isinstance(change, Mapping):
        return False
    old, new = str(change.get("old_value")), str(change.get("new_value"))
    return old.isdecimal() and new.isdecimal() and int(new) < int(old)
