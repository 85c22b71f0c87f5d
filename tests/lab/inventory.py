# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Ansible reaches the hosts."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .inside import ssh_options


@dataclass(frozen=True)
class Entry:
    """One host, as tests see it; `state` is off, on, frozen or partitioned."""

    name: str
    address: str
    suite: str
    state: str
    key: str
    known_hosts: str

    def ansible(self) -> dict[str, str]:
        return {
            "ansible_host": self.address,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": self.key,
            "ansible_ssh_common_args": shlex.join(ssh_options(Path(self.known_hosts))),
        }


def as_json(entries: Sequence[Entry]) -> str:
    """Name -> address, suite, state, key, known_hosts, and the host variables under `ansible`."""
    return json.dumps({entry.name: {**asdict(entry), "ansible": entry.ansible()} for entry in entries}, indent=2)


def as_ini(entries: Sequence[Entry]) -> str:
    return "\n".join(" ".join([entry.name, *_variables(entry)]) for entry in entries)


def _variables(entry: Entry) -> list[str]:
    return [f'{name}="{value}"' if " " in value else f"{name}={value}" for name, value in entry.ansible().items()]
