# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill on this member would restore, and whether it may. Only reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import command
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.instance import system_identifier
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.data_folder import has_tablespaces
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.canaries import Canaries
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.place import Place
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.registry import engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.archive import Archive
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import Backup, Catalog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.canary import Canary, expected
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import Proof
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.recovery import parse_target
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.drill import lacking, next_repository
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.restore_input import archive_of
from ansible_collections.matriarch.pgcluster.plugins.module_utils.restore.choosing import choose

TARGET = parse_target("latest")


@dataclass(frozen=True)
class Planned:
    """A drill: the backup, how it is recovered, and the canary that must be found.

    `problem`: why the backup cannot be recovered, where the list of what there is says so already.
    """

    repository: int
    label: str
    backup: Backup
    canary: Canary
    choice: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""

    def told(self) -> dict[str, Any]:
        """As the program tells it before anything is done."""
        names = ("label", "kind", "stopped", "size_bytes")
        facts = self.backup.facts()
        return {"repository": self.label, "problem": self.problem, **{name: facts[name] for name in names}}


def plan(settings: Settings, place: Place, proof: Proof) -> Planned:
    """The drill whose turn it is. Raises Refused where it cannot be made, RemoteError where nothing can be read."""
    if has_tablespaces(Path(settings.data_directory)):
        raise Refused("there are tablespaces: a second copy of them would come into their own place")
    number = next_repository(settings.repositories, proof.drill)
    label = settings.repositories[number - 1].label
    held = _held(settings, number)
    if held.newest is None:
        raise Refused(f"there is no backup in {label}. Next: ansible-playbook backup.yml")
    free, _total = place.room()
    if reason := lacking(held.newest.size, free, str(place.parent)):
        raise Refused(reason)
    archive = archive_of(held)
    with Canaries(settings.socket_directory, settings.postgres_port) as canaries:
        canary = expected(canaries.read(), archive.ends.get(archive.newest_timeline, 0))
    if canary is None:
        raise Refused(
            f"{label} has no log yet in which a canary must be; one is written each minute, and archived within five. "
            "Next: wait so long, or journalctl -u matriarch-backup@canary, on the leader"
        )
    return _planned(settings, place, held, archive, Planned(number, label, held.newest, canary))


def _held(settings: Settings, number: int) -> Catalog:
    held = engine(settings.engine).catalog(settings, command.call).in_repository(number)
    if problem := held.problems.get(number):
        raise RemoteError(problem)
    return held


def _planned(settings: Settings, place: Place, held: Catalog, archive: Archive, drill: Planned) -> Planned:
    """That the newest backup leads nowhere is a verdict, and no reason to try an older one."""
    about = (drill.repository, drill.label, drill.backup, drill.canary)
    try:
        choice = choose(
            engine(settings.engine),
            settings,
            held,
            archive,
            TARGET,
            str(place.data),
            named=drill.backup.label,
            system_identifier=system_identifier(settings),
            spool=str(place.spool),
            repository=drill.repository,
        )
    except Refused as refusal:
        return Planned(*about, problem=str(refusal))
    return Planned(*about, choice=choice)
