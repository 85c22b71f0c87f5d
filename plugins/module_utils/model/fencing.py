# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is declared of fencing, as every member keeps it in a file. No secrets. Immutable; parsed here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError

SETTINGS_FILE = "/etc/matriarch/fencing.json"


@dataclass(frozen=True)
class Fencing:
    """One member's view. `members`: addresses by name, its own among them.

    `command`: what proves that a host has no power; the host's name is its last argument. It is given up after
    `command_seconds`. A leader is suspected when nothing on its host has answered for `suspect_seconds`. Nobody sends
    anything to a fenced host for `route_seconds`.
    """

    cluster: str
    member: str
    members: Mapping[str, str]
    etcd_urls: tuple[str, ...]
    patroni_port: int
    postgresql_port: int
    command: tuple[str, ...]
    command_seconds: int
    suspect_seconds: float
    route_seconds: int
    ca_file: str
    certificate_file: str
    key_file: str

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Fencing:
        """From what the role declares. Raises MatriarchError when something is missing or makes no sense."""
        lists = {name: tuple(data.get(name, ())) for name in ("etcd_urls", "command")}
        try:
            return cls(**{**data, **lists})
        except TypeError as error:
            raise MatriarchError(f"the settings of fencing are not complete: {error}") from error

    @classmethod
    def read(cls, path: str = SETTINGS_FILE) -> Fencing:
        """From this host's file. Raises MatriarchError."""
        try:
            return cls.parse(json.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise MatriarchError(f"{path} cannot be read: {error}") from error
