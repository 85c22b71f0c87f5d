# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether work that puts data at risk may begin: the backups are proven, and they are there. Pure.

A drill or a verification tells of the past. So its age counts, and that what it tried can be read now as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import Catalog, moment
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import Proof, Trial
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_policy import restorable
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.remedies import BACKUP, DRILL, VERIFY

WORDS = {"drill": "restore drill", "verification": "verification"}


@dataclass(frozen=True)
class Gate:
    """Open where `reason` is empty. `age_hours`: of the newest good trial, None where there is none."""

    reason: str = ""
    age_hours: float | None = None
    next: str = ""


def gate(settings: Settings, proof: Proof, catalog: Catalog, now: datetime) -> Gate:
    """Whether work may begin that puts data at risk."""
    newest, good = proof.newest, proof.newest_good
    age = (now - moment(good.at)).total_seconds() / 3600 if good else None
    if reason := _nothing_there(settings, catalog):
        return Gate(reason, age, BACKUP)
    if newest and not newest.good:
        return Gate(f"the last {_named(newest)}, found: {'; '.join(newest.problems)}", age, f"{BACKUP}, then {DRILL}")
    if good is None or age is None:
        return Gate("nobody has ever seen that the backups can be restored", age, f"{DRILL}, or {VERIFY}")
    if age > settings.gate_hours:
        old = f"the last proof that the backups can be restored is {age:.1f} h old, more than {settings.gate_hours}"
        return Gate(f"{old}: the {_named(good)}", age, f"{DRILL}, or {VERIFY}")
    if lost := _lost(settings, catalog, good.repositories):
        return Gate(
            f"what the last {WORDS[good.kind]} has tried cannot be read now: {lost}", age, f"{DRILL}, or {VERIFY}"
        )
    return Gate(age_hours=age)


def unreadable(reason: str, proof: Proof, now: datetime) -> Gate:
    """The gate where no repository could be read."""
    good = proof.newest_good
    age = (now - moment(good.at)).total_seconds() / 3600 if good else None
    return Gate(
        f"the backups cannot be read now: {reason}", age, "bring the storage back; ansible-playbook backup_info.yml"
    )


def _nothing_there(settings: Settings, catalog: Catalog) -> str:
    if restorable(catalog):
        return ""
    where = ", ".join(repository.label for repository in settings.repositories)
    return f"there is no backup that could be restored in {where}"


def _lost(settings: Settings, catalog: Catalog, tried: Iterable[str]) -> str:
    """Why none of the repositories that were tried has a backup that can be restored; empty where one has."""
    sound = {backup.repository for backup in restorable(catalog)}
    numbers = {repository.label: number for number, repository in enumerate(settings.repositories, 1)}
    if any(numbers.get(label) in sound for label in tried):
        return ""
    problems = (catalog.problems.get(numbers.get(label, 0), "nothing there can be restored") for label in tried)
    return "; ".join(f"{label}: {problem}" for label, problem in zip(tried, problems, strict=False))


def _named(trial: Trial) -> str:
    return f"{WORDS[trial.kind]} by {trial.member}, of {trial.at}"
