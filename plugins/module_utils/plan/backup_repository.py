# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a repository is. Pure."""

from __future__ import annotations

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import Catalog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings


def not_ready(catalog: Catalog, settings: Settings, ours: str) -> tuple[int, ...]:
    """The numbers of the repositories that are nobody's yet.

    `ours` is the cluster's system identifier, empty while it has no data. Raises Refused when one is another cluster's.
    """
    for number, system in sorted(catalog.systems.items()):
        if system != ours:
            raise Refused(_foreign(settings, number, system, ours), repository=number, system_identifier=system)
    every = range(1, len(settings.repositories) + 1)
    return tuple(number for number in every if number not in catalog.systems and number not in catalog.problems)


def refuse_unshared(missing: tuple[int, ...], settings: Settings) -> None:
    """Raises Refused when this member sees nothing of a repository that the leader has made ready."""
    for number in missing:
        where = settings.repositories[number - 1].label
        told = f"{settings.member} sees nothing of {where}, which has been made ready from the leader's host"
        advice = "mount the same directory on every member's host, writable for postgres, then run this again"
        raise Refused(f"{told}. Next: {advice}", repository=number)


def _foreign(settings: Settings, number: int, system: str, ours: str) -> str:
    where = settings.repositories[number - 1].label
    whose = f"{settings.cluster} is {ours}" if ours else f"{settings.cluster} has no data yet"
    advice = "give this cluster a path of its own in backup_repositories"
    instead = "" if ours else ", or restore that one's data with ansible-playbook restore.yml"
    return f"{where} holds the backups of another PostgreSQL ({system}; {whose}). Next: {advice}{instead}"
