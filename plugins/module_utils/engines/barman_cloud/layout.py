# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Barman Cloud names what it keeps in a bucket, and where a host keeps what its tools need. Pure."""

from __future__ import annotations

import re

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Repository, Settings

FOLDER = "/etc/matriarch/barman"
SUFFIX = ".gz"
"""Everything is compressed with gzip: its checksum is the only one that there is."""

SEGMENT = re.compile(r"^([0-9A-F]{24})\.gz$")
HISTORY = re.compile(r"^([0-9A-F]{8})\.history\.gz$")
TARBALL = re.compile(r"^(?:data|[0-9]+)(?:_[0-9]{4})?\.tar\.gz$")
NAMED = re.compile(r"^matriarch-([0-9]+)$")
"""A backup's name in Barman's own list; it tells how many bytes the cluster had."""

BACKUP_INFO = "backup.info"
OWNER = "matriarch-owner.json"
"""Whose the repository is."""

PROBE = "matriarch-encryption"
"""A small object that shows whether the storage encrypts."""


def folder(settings: Settings) -> str:
    """Where the configuration lies."""
    return settings.folder or FOLDER


def settings_file(settings: Settings) -> str:
    """What the program on a host is told."""
    return f"{folder(settings)}/settings.json"


def profile(number: int) -> str:
    """The name of a repository's section in the files with its keys and its certificates."""
    return f"repository{number}"


def url(repository: Repository) -> str:
    """The bucket as Barman's command line wants it."""
    return f"s3://{repository.bucket}/{repository.path.strip('/')}"


def endpoint(repository: Repository) -> str:
    """The storage as Barman's command line wants it."""
    return f"https://{repository.endpoint}:{repository.port}"


def prefix(repository: Repository, cluster: str) -> str:
    """What the names of all of a cluster's objects begin with."""
    return f"{repository.path.strip('/')}/{cluster}/".lstrip("/")


def wal_key(name: str) -> str:
    """Where a file of WAL lies below the prefix: segments in folders by their log, histories in none."""
    return f"wals/{name[:16]}/{name}{SUFFIX}" if len(name) >= 24 else f"wals/{name}{SUFFIX}"


def backup_of(key: str) -> str:
    """The backup that an object below the prefix belongs to; empty where it belongs to none."""
    parts = key.split("/")
    return parts[1] if len(parts) == 3 and parts[0] == "base" else ""
