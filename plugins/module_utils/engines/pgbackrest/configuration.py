# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pgBackRest's configuration on a member's host."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.engine import Argv, HostFiles, Secrets
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Repository, Settings

FOLDER = "/etc/pgbackrest"
SPOOL = "/var/spool/pgbackrest"
COMPRESSIONS = {"gzip": "gz", "zstd": "zst", "lz4": "lz4", "none": "none"}
ARCHIVE_SECONDS = 60
"""How long PostgreSQL's archiver waits for a segment before it counts as failed, and is tried again."""

Lines = Iterator[tuple[str, object]]


def host_files(settings: Settings, secrets: Secrets, server: Argv) -> HostFiles:
    """The configuration, which holds secrets, and the certificates of the storages' authorities."""
    mine = {"owner": "postgres", "group": "postgres"}
    authorities = [
        {"path": authority(settings, number), "content": repository.ca_certificate.strip() + "\n"}
        for number, repository in enumerate(settings.repositories, 1)
        if repository.ca_certificate
    ]
    mounted = [
        {"path": each.path, "mode": "0750", **mine} for each in settings.repositories if each.type == "directory"
    ]
    return HostFiles(
        directories=[{"path": settings.folder or FOLDER}, {"path": SPOOL, "mode": "0750", **mine}, *mounted],
        files=[*authorities, {"path": file(settings), "owner": "root", "group": "postgres", "mode": "0640"}],
        secret_contents={file(settings): text(settings, secrets)},
        server=server,
    )


def text(settings: Settings, secrets: Secrets) -> str:
    """The whole file."""
    sections = {
        "global": {**dict(_global(settings)), **dict(_repositories(settings, secrets)), **settings.engine_options},
        "global:archive-push": dict(_push(settings)),
        settings.cluster: dict(_member(settings)),
    }
    blocks = [[f"[{name}]", *_lines(keys)] for name, keys in sections.items()]
    return "# Written by Matriarch.\n" + "\n".join("\n".join(block) + "\n" for block in blocks)


def file(settings: Settings) -> str:
    """Where the configuration lies."""
    return f"{settings.folder or FOLDER}/pgbackrest.conf"


def authority(settings: Settings, number: int) -> str:
    """Where the certificate of a storage's authority lies."""
    return f"{settings.folder or FOLDER}/repository{number}-ca.crt"


def _lines(keys: dict[str, object]) -> Iterator[str]:
    for key, value in keys.items():
        for each in value if isinstance(value, list) else [value]:
            yield f"{key}={each}"


def _global(settings: Settings) -> Lines:
    yield "compress-type", COMPRESSIONS[settings.compression]
    yield "process-max", settings.processes
    yield "start-fast", "y"
    yield "archive-async", "y"
    yield "spool-path", SPOOL
    yield "log-level-console", "warn"
    yield "tls-server-address", settings.members[settings.member]
    yield "tls-server-port", settings.server_port
    yield "tls-server-ca-file", settings.ca_file
    yield "tls-server-cert-file", settings.certificate_file
    yield "tls-server-key-file", settings.key_file
    yield "tls-server-auth", [f"{name}={settings.cluster}" for name in settings.members]


def _push(settings: Settings) -> Lines:
    yield "archive-timeout", ARCHIVE_SECONDS
    if settings.drop_wal_beyond:
        yield "archive-push-queue-max", settings.drop_wal_beyond


def _member(settings: Settings) -> Lines:
    yield "pg1-path", settings.data_directory
    yield "pg1-port", settings.postgres_port
    yield "pg1-socket-path", settings.socket_directory


def _repositories(settings: Settings, secrets: Secrets) -> Lines:
    for number, repository in enumerate(settings.repositories, 1):
        for key, value in _repository(number, repository, settings, secrets):
            yield f"repo{number}-{key}", value


def _repository(number: int, repository: Repository, settings: Settings, secrets: Secrets) -> Lines:
    yield "path", repository.path
    if repository.type == "s3":
        yield from _storage(number, repository, settings, secrets)
    if settings.encrypted:
        yield "cipher-type", "aes-256-cbc"
        yield "cipher-pass", secrets.passphrase
    # By time: a full backup goes only when a younger one is as old as the policy says.
    yield "retention-full-type", "time"
    yield "retention-full", settings.keep_days
    yield "bundle", "y"


def _storage(number: int, repository: Repository, settings: Settings, secrets: Secrets) -> Lines:
    yield "type", "s3"
    yield "s3-bucket", repository.bucket
    yield "s3-endpoint", repository.endpoint
    yield "s3-region", repository.region
    yield "s3-uri-style", "path" if repository.path_style else "host"
    yield "storage-port", repository.port
    if repository.ca_certificate:
        yield "storage-ca-file", authority(settings, number)
    if repository.credentials == "host_role":
        yield "s3-key-type", "auto"
        return
    yield "s3-key", secrets.keys[number - 1][0]
    yield "s3-key-secret", secrets.keys[number - 1][1]
