# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member's sentry is told, as the host keeps it in a file. No secrets. Immutable; parsed here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError

SETTINGS_FILE = "/etc/matriarch/sentry.json"


@dataclass(frozen=True)
class Sentry:
    """One member's view. `members`: addresses by name, its own among them.

    `hung_seconds`: for how long one write to the disk of `data_directory`, or of its WAL, may not return.
    """

    cluster: str
    member: str
    members: Mapping[str, str]
    etcd_urls: tuple[str, ...]
    patroni_port: int
    postgresql_port: int
    data_directory: str
    hung_seconds: float
    ca_file: str
    certificate_file: str
    key_file: str

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Sentry:
        """From what the role declares. Raises MatriarchError when something is missing or makes no sense."""
        try:
            return cls(**{**data, "etcd_urls": tuple(data.get("etcd_urls", ()))})
        except TypeError as error:
            raise MatriarchError(f"the settings of the sentry are not complete: {error}") from error

    @classmethod
    def read(cls, path: str = SETTINGS_FILE) -> Sentry:
        """From this host's file. Raises MatriarchError."""
        try:
            return cls.parse(json.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise MatriarchError(f"{path} cannot be read: {error}") from error
