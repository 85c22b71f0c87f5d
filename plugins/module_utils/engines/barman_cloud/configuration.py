# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Barman Cloud needs on a member's host, and what it cannot do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud import ahead, layout
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.engine import HostFiles, Program, Secrets
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Repository, Settings

PROGRAM = Program(
    source="engines/barman_cloud/program.py",
    launcher="/usr/local/libexec/matriarch-barman",
    folder="/usr/local/lib/matriarch-barman",
)


def refusals(settings: Settings) -> Iterator[str]:
    """What is declared, and cannot be done by it."""
    instead = "or have backup_engine: pgbackrest"
    for number, repository in enumerate(settings.repositories, 1):
        if repository.type != "s3":
            problem = f"backup repository {number} is a {repository.type}, and Barman Cloud speaks S3 alone"
            yield f"{problem}. Next: s3, {instead}"
    if settings.compression != "gzip":
        reason = "with Barman Cloud it is gzip, whose checksum is the only one by which its backups can be verified"
        yield f"backup_compression is {settings.compression}; {reason}. Next: gzip, {instead}"
    if settings.drop_wal_beyond:
        yield f"Barman Cloud never drops WAL. Next: take backup_drop_wal_beyond out, {instead}"


def host_files(settings: Settings, secrets: Secrets) -> HostFiles:
    """Settings without secrets, and two files as AWS's libraries read them: one of them holds the keys."""
    place = layout.folder(settings)
    authorities = [
        {"path": authority(settings, number), "content": repository.ca_certificate.strip() + "\n"}
        for number, repository in enumerate(settings.repositories, 1)
        if repository.ca_certificate
    ]
    keys = {"path": credentials_file(settings), "owner": "postgres", "group": "postgres", "mode": "0600"}
    return HostFiles(
        directories=[{"path": place}, {"path": ahead.SPOOL, "owner": "postgres", "group": "postgres", "mode": "0750"}],
        files=[
            *authorities,
            {"path": layout.settings_file(settings), "content": json.dumps(asdict(settings), indent=1) + "\n"},
            {"path": profiles_file(settings), "content": profiles(settings)},
            keys,
        ],
        secret_contents={credentials_file(settings): credentials(settings, secrets)},
        program=PROGRAM,
    )


def credentials_file(settings: Settings) -> str:
    """Where the keys lie."""
    return f"{layout.folder(settings)}/credentials"


def profiles_file(settings: Settings) -> str:
    """Where the storages' regions and authorities are named."""
    return f"{layout.folder(settings)}/profiles"


def authority(settings: Settings, number: int) -> str:
    """Where the certificate of a storage's authority lies."""
    return f"{layout.folder(settings)}/repository{number}-ca.crt"


def environment(settings: Settings) -> dict[str, str]:
    """By what AWS's libraries find them."""
    return {"AWS_SHARED_CREDENTIALS_FILE": credentials_file(settings), "AWS_CONFIG_FILE": profiles_file(settings)}


def credentials(settings: Settings, secrets: Secrets) -> str:
    """The file with the keys. A host that has a role in the cloud needs none."""
    sections = [
        f"[{layout.profile(number)}]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n"
        for number, (repository, (access, secret)) in enumerate(
            zip(settings.repositories, secrets.keys, strict=True), 1
        )
        if repository.credentials == "key"
    ]
    return "# Written by Matriarch.\n" + "\n".join(sections)


def profiles(settings: Settings) -> str:
    """The file without secrets."""
    sections = (
        "\n".join([f"[profile {layout.profile(number)}]", *_profile(settings, number, repository)]) + "\n"
        for number, repository in enumerate(settings.repositories, 1)
    )
    return "# Written by Matriarch.\n" + "\n".join(sections)


def _profile(settings: Settings, number: int, repository: Repository) -> Iterator[str]:
    yield f"region = {repository.region}"
    # A storage that does not answer is tried again by the archiver, which the status knows of.
    yield "retry_mode = standard"
    yield "max_attempts = 2"
    if repository.ca_certificate:
        yield f"ca_bundle = {authority(settings, number)}"
    yield "s3 ="
    yield f"  addressing_style = {'path' if repository.path_style else 'virtual'}"
