# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one line of postgresql.conf that says from whom a standby streams, as Patroni writes it."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.owned_file import replace_file

LINE = re.compile(r"^(primary_conninfo\s*=\s*)'((?:[^']|'')*)'", re.MULTILINE)
HOST, PORT = re.compile(r"(?<![a-z])host=\S+"), re.compile(r"(?<![a-z])port=\S+")


def points_at(text: str, host: str, port: int) -> str:
    """The configuration with that line's host and port exchanged. Raises ValueError where there is no such line."""
    found = LINE.search(text)
    if found is None or not HOST.search(found.group(2)):
        raise ValueError("postgresql.conf has no primary_conninfo with a host: this member follows nobody")
    if re.search(r"[\s'\\]", host):
        raise ValueError(f"{host!r} is not a host's address")
    conninfo = PORT.sub(f"port={port}", HOST.sub(f"host={host}", found.group(2)))
    return text[: found.start()] + f"{found.group(1)}'{conninfo}'" + text[found.end() :]


def point_at(configuration: Path, host: str, port: int) -> bool:
    """Write it, keeping owner and mode; False if it was so already. PostgreSQL reads it at its next reload."""
    before = configuration.read_text(encoding="utf-8")
    after = points_at(before, host, port)
    if after == before:
        return False
    found = configuration.stat()
    replace_file(configuration, after, owner=found, mode=found.st_mode & 0o7777)
    return True
