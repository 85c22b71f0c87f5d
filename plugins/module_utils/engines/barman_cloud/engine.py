# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Barman Cloud's commands, which a program of ours on the host runs. Tried with 3.13.

Its tools are one process for each task: they archive one segment at a time, and back up over PostgreSQL's own
functions. What they leave to their caller the program adds: it never overwrites other WAL of the same name, creates no
bucket, has the leader end the segment that a standby's backup needs, and looks at checksums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud import (
    catalog,
    configuration,
    layout,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.engine import (
    Argv,
    Call,
    HostFiles,
    RestoreWish,
    Secrets,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import FULL, Backup, Catalog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings


class BarmanCloud:
    """See https://docs.pgbarman.org."""

    name = "barman_cloud"
    kinds: tuple[str, ...] = (FULL,)
    encrypts = False

    def refusal(self, settings: Settings) -> str:
        return next(configuration.refusals(settings), "")

    def packages(self) -> tuple[str, ...]:
        return ("barman-cli-cloud",)

    def host_files(self, settings: Settings, secrets: Secrets) -> HostFiles:
        return configuration.host_files(settings, secrets)

    def check(self, settings: Settings) -> Argv:
        return [*_program(settings), "check"] if settings.encrypted else []

    def prepare(self, settings: Settings) -> Argv:
        return [*_program(settings), "prepare"]

    def push(self, settings: Settings) -> Argv:
        return [*_program(settings), "push"]

    def push_at_once(self, settings: Settings) -> Argv:
        return self.push(settings)

    def fetch(self, settings: Settings, spool: str = "", repository: int = 0) -> str:
        # Nothing is fetched ahead, so that there is nothing to keep apart.
        only = [f"--repository={repository}"] if repository else []
        return " ".join([*_program(settings), "fetch", *only, "%f", '"%p"'])

    def take(self, settings: Settings, kind: str, leader: str, repository: int) -> Argv:
        beside = [] if leader == settings.member else [f"--leader={settings.members[leader]}"]
        return [*_program(settings), "take", f"--repository={repository}", *beside]

    def expire(self, settings: Settings, repository: int, gone: Sequence[Backup]) -> Argv:
        return [*_program(settings), "expire", f"--repository={repository}", *(backup.label for backup in gone)]

    def catalog(self, settings: Settings, call: Call) -> Catalog:
        return catalog.read(settings, call([*_program(settings), "list"]))

    def verify(self, settings: Settings, call: Call) -> list[str]:
        return catalog.problems(call([*_program(settings), "verify"]))

    def restore(self, settings: Settings, wish: RestoreWish) -> Argv:
        return [
            *_program(settings),
            "restore",
            f"--repository={wish.repository or 1}",
            f"--label={wish.label}",
            f"--directory={wish.data_directory}",
            *(f"--parameter={name}={value}" for name, value in self._recovery(settings, wish)),
        ]

    def _recovery(self, settings: Settings, wish: RestoreWish) -> Iterator[tuple[str, str]]:
        """PostgreSQL's parameters that end a recovery where it is wished."""
        yield "restore_command", self.fetch(settings)
        yield "recovery_target_timeline", wish.timeline
        if wish.target_type == "immediate":
            yield "recovery_target", "immediate"
        elif wish.target_type != "latest":
            yield f"recovery_target_{wish.target_type}", wish.target
            yield "recovery_target_inclusive", "on" if wish.inclusive else "off"
        if wish.target_type != "latest":
            yield "recovery_target_action", wish.action
        yield from ((name, str(value)) for name, value in wish.settings.items())


def _program(settings: Settings) -> Argv:
    return [configuration.PROGRAM.launcher, f"--settings={layout.settings_file(settings)}"]
