# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is declared of a cluster's backups, as every member keeps it in a file. No secrets. Immutable; parsed here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError

SETTINGS_FILE = "/etc/matriarch/backup/settings.json"
Parsed = TypeVar("Parsed")

TYPES = ("s3", "directory")


@dataclass(frozen=True)
class Repository:
    """Where backups go. `path` is the directory, or what all names in the bucket begin with; both begin with a slash.

    `credentials`: `key`, or `host_role` for what the host's own identity in the cloud may do. `ca_certificate` is PEM;
    empty to trust the system's authorities. `object_lock_days`: no object may be deleted sooner; 0 where it is not
    declared.
    """

    type: str
    path: str
    bucket: str = ""
    endpoint: str = ""
    port: int = 443
    region: str = "us-east-1"
    path_style: bool = True
    credentials: str = "key"
    ca_certificate: str = ""
    object_lock_days: int = 0

    @property
    def label(self) -> str:
        """For messages."""
        return f"s3://{self.bucket}{self.path} at {self.endpoint}" if self.type == "s3" else self.path


@dataclass(frozen=True)
class Schedule:
    """A backup every `interval_hours`, counted from `offset_hours` after midnight UTC; a full one every `full_days`."""

    interval_hours: int = 24
    offset_hours: int = 1
    full_days: int = 7


@dataclass(frozen=True)
class DrillSettings:
    """How restores are tried. `interval_hours`: 0 where they are only tried on demand.

    `source`: standby, or any where the leader may, too, when no standby can. `directory`: where the restored data lies
    meanwhile; empty for beside the member's own.
    """

    interval_hours: int = 0
    offset_hours: int = 3
    source: str = "standby"
    directory: str = ""


@dataclass(frozen=True)
class Settings:
    """One member's view of its cluster's backups. `source`: standby or leader. `members`: addresses by name.

    `passphrase_digest` tells a passphrase from another one without giving it away; empty where nothing is encrypted.
    `folder` is where the engine's own configuration lies; empty for its usual place. `member_login`: as whom members
    log in to one another's PostgreSQL, by certificate. `gate_hours`: how old the proof that backups can be restored may
    be for work that puts data at risk.
    """

    cluster: str
    engine: str
    member: str
    members: Mapping[str, str]
    repositories: tuple[Repository, ...]
    schedule: Schedule
    keep_days: int
    data_directory: str
    binary_directory: str
    postgresql_major: int
    ca_file: str
    certificate_file: str
    key_file: str
    etcd_urls: tuple[str, ...] = ()
    postgres_port: int = 5432
    socket_directory: str = "/run/postgresql"
    patroni_port: int = 8008
    server_port: int = 8432
    member_login: str = "rewinder"
    source: str = "standby"
    compression: str = "gzip"
    processes: int = 2
    encrypted: bool = True
    passphrase_digest: str = ""
    drop_wal_beyond: str = ""
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""
    drill: DrillSettings = DrillSettings()
    gate_hours: int = 36

    @property
    def place(self) -> str:
        """What is known of repositories is known of these, and by this engine."""
        return "; ".join([self.engine, *(repository.label for repository in self.repositories)])

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Settings:
        """From what the role declares. Raises MatriarchError when something is missing or makes no sense."""
        try:
            repositories = tuple(_only(Repository, each) for each in data["repositories"])
            schedule = _only(Schedule, data["schedule"])
            parsed = {"schedule": schedule, "drill": _only(DrillSettings, data.get("drill", {}))}
            told = {**data, **parsed, "repositories": repositories, "etcd_urls": tuple(data["etcd_urls"])}
            return _checked(_only(cls, told))
        except (KeyError, TypeError, ValueError) as error:
            raise MatriarchError(f"the settings of the backups are not complete: {error!r}") from error

    @classmethod
    def read(cls, path: str = SETTINGS_FILE) -> Settings:
        """From this host's file. Raises MatriarchError when there is none: the cluster has no backups."""
        try:
            return cls.parse(json.loads(Path(path).read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            advice = "declare backup_repositories in the inventory, then ansible-playbook site.yml"
            raise MatriarchError(f"{path} does not exist: this cluster has no backups. Next: {advice}") from error
        except (OSError, ValueError) as error:
            raise MatriarchError(f"{path} cannot be read: {error}") from error


def _only(kind: type[Parsed], data: Mapping[str, Any]) -> Parsed:
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(data) - known):
        raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return kind(**data)


def _checked(settings: Settings) -> Settings:
    for number, repository in enumerate(settings.repositories, 1):
        if problem := _problem(repository):
            raise MatriarchError(f"backup repository {number}: {problem}")
    hours = settings.schedule.interval_hours
    if hours < 1 or 24 % hours:
        raise MatriarchError(f"backups every {hours} hours: it must be a divisor of 24")
    if settings.keep_days < 1 or settings.schedule.full_days < 1:
        raise MatriarchError("keep_days and full_days must be at least 1")
    if problem := _drill_problem(settings):
        raise MatriarchError(problem)
    return settings


def _drill_problem(settings: Settings) -> str:
    drill = settings.drill
    if drill.interval_hours < 0 or settings.gate_hours < 1:
        return "a restore drill's interval must not be negative, and the gate's hours must be at least 1"
    if drill.source not in ("standby", "any"):
        return f"restore drills are made by {drill.source!r}, and must be by standby or any"
    if drill.directory and not drill.directory.startswith("/"):
        return f"the directory of restore drills is {drill.directory!r}, and must begin with a slash"
    return ""


def _problem(repository: Repository) -> str:
    if repository.type not in TYPES:
        return f"type is {repository.type!r}, and must be one of {', '.join(TYPES)}"
    if not repository.path.startswith("/"):
        return f"path is {repository.path!r}, and must begin with a slash"
    if repository.type == "s3" and not (repository.bucket and repository.endpoint):
        return "an S3 repository needs bucket and endpoint"
    if repository.credentials not in ("key", "host_role"):
        return f"credentials is {repository.credentials!r}, and must be key or host_role"
    return ""
