# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pgBackRest's commands. Tried with 2.55.

A backup from a standby copies most files there, and asks the leader's pgBackRest, a server with mutual TLS, for the
rest: members trust each other by their certificates as they do everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.engine import (
    Argv,
    Call,
    HostFiles,
    RestoreWish,
    Secrets,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.pgbackrest import catalog, configuration
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import (
    DIFFERENTIAL,
    FULL,
    INCREMENTAL,
    Backup,
    Catalog,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings

PROGRAM = "/usr/bin/pgbackrest"
FETCH_LOCK = "/tmp/pgbackrest-get"  # beside pgBackRest's own default
TYPES = {FULL: "full", DIFFERENTIAL: "diff", INCREMENTAL: "incr"}


class PgBackRest:
    """See https://pgbackrest.org/command.html."""

    name = "pgbackrest"
    kinds: tuple[str, ...] = (FULL, DIFFERENTIAL, INCREMENTAL)
    encrypts = True

    def refusal(self, settings: Settings) -> str:
        known = configuration.COMPRESSIONS
        if settings.compression in known:
            return ""
        return f"pgBackRest knows no compression {settings.compression!r}; it knows: {', '.join(known)}"

    def packages(self) -> tuple[str, ...]:
        return ("pgbackrest",)

    def host_files(self, settings: Settings, secrets: Secrets) -> HostFiles:
        return configuration.host_files(settings, secrets, [PROGRAM, "server"])

    def check(self, settings: Settings) -> Argv:
        return []

    def prepare(self, settings: Settings) -> Argv:
        return [*_stanza(settings), "stanza-create"]

    def push(self, settings: Settings) -> Argv:
        return [*_stanza(settings), "archive-push"]

    def push_at_once(self, settings: Settings) -> Argv:
        return [*_stanza(settings), "--no-archive-async", "archive-push"]

    def fetch(self, settings: Settings, spool: str = "", repository: int = 0) -> str:
        # It refuses to work in another directory than the one that it knows, and shares a lock with archive-push.
        own = [f"--pg1-path={settings.data_directory}", f"--lock-path={spool or FETCH_LOCK}"]
        own += [f"--spool-path={spool}"] if spool else []
        own += [f"--repo={repository}"] if repository else []
        # Another cluster's archive is asked by the status as well: two that fetch ahead would wait for each other.
        ahead = ["--no-archive-async"] if settings.folder else []
        return " ".join([*_stanza(settings), *own, *ahead, "archive-get", "%f", '"%p"'])

    def take(self, settings: Settings, kind: str, leader: str, repository: int) -> Argv:
        beside = [] if leader == settings.member else _leader(settings, settings.members[leader])
        asked = [f"--repo={repository}", f"--type={TYPES[kind]}", "--no-expire-auto"]
        return [*_stanza(settings), "--log-level-console=info", *beside, *asked, "backup"]

    def expire(self, settings: Settings, repository: int, gone: Sequence[Backup]) -> Argv:
        # By its own policy, which is ours: see plan/backup_policy.py. Only the days may be more than it was told.
        asked = [f"--repo={repository}", f"--repo{repository}-retention-full={settings.keep_days}"]
        return [*_stanza(settings), "--log-level-console=info", *asked, "expire"]

    def catalog(self, settings: Settings, call: Call) -> Catalog:
        return catalog.read(settings, call, _stanza(settings))

    def verify(self, settings: Settings, call: Call) -> list[str]:
        return catalog.verify(settings, call, _stanza(settings))

    def restore(self, settings: Settings, wish: RestoreWish) -> Argv:
        exact = wish.target_type not in ("latest", "immediate")
        return [
            *_stanza(settings),
            "--log-level-console=info",
            f"--pg1-path={wish.data_directory}",
            *([f"--repo={wish.repository}"] if wish.repository else []),
            *([f"--set={wish.label}"] if wish.label else []),
            *([] if wish.target_type == "latest" else [f"--type={wish.target_type}"]),
            *([f"--target={wish.target}"] if exact else []),
            *(["--target-exclusive"] if exact and not wish.inclusive and wish.target_type != "name" else []),
            *([] if wish.target_type == "latest" else [f"--target-action={wish.action}"]),
            f"--target-timeline={wish.timeline}",
            *(["--delta"] if wish.delta else []),
            *(f"--recovery-option={name}={value}" for name, value in wish.settings.items()),
            "restore",
        ]


def _stanza(settings: Settings) -> Argv:
    elsewhere = [f"--config={configuration.file(settings)}"] if settings.folder else []
    return [PROGRAM, f"--stanza={settings.cluster}", *elsewhere]


def _leader(settings: Settings, address: str) -> Argv:
    """How a standby reaches the leader's files and its PostgreSQL."""
    return [
        "--backup-standby",
        f"--pg2-host={address}",
        "--pg2-host-type=tls",
        f"--pg2-host-port={settings.server_port}",
        f"--pg2-host-ca-file={settings.ca_file}",
        f"--pg2-host-cert-file={settings.certificate_file}",
        f"--pg2-host-key-file={settings.key_file}",
        f"--pg2-path={settings.data_directory}",
        f"--pg2-port={settings.postgres_port}",
        f"--pg2-socket-path={settings.socket_directory}",
    ]
