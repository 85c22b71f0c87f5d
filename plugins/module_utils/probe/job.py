# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe shall do: which endpoints it uses, and how. Parsed once, here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.sql import Login
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError

WRITE, READ = "write", "read"
KEYS = {"hosts", "port", "mode", "persistent"}


@dataclass(frozen=True)
class Endpoint:
    """One endpoint, and how it is used: `persistent` clients keep their connection, others make one a statement."""

    name: str
    hosts: tuple[str, ...]
    port: int
    mode: str
    persistent: bool = True

    @classmethod
    def parse(cls, name: str, data: object) -> Endpoint:
        """An endpoint as a playbook gives it. Raises MatriarchError that names what is wrong."""
        if not isinstance(data, Mapping):
            raise MatriarchError(f"the endpoint {name!r} is no mapping of {', '.join(sorted(KEYS))}")
        if unknown := set(data) - KEYS:
            raise MatriarchError(f"the endpoint {name!r} has unknown keys: {', '.join(map(str, sorted(unknown)))}")
        if data.get("mode") not in (WRITE, READ):
            raise MatriarchError(f"the endpoint {name!r} needs a mode, write or read, not {data.get('mode')!r}")
        persistent = data.get("persistent", True)
        if not isinstance(persistent, bool):
            raise MatriarchError(f"persistent of the endpoint {name!r} must be true or false, not {persistent!r}")
        return cls(name, _hosts(name, data.get("hosts")), _port(name, data.get("port")), data["mode"], persistent)

    @property
    def address(self) -> str:
        """Where it is, for messages."""
        return f"{','.join(self.hosts)}:{self.port}"


@dataclass(frozen=True)
class Job:
    """All that a probe needs to know. `uuid` marks its rows; `interval` and `lifetime` are in seconds."""

    uuid: str
    login: Login
    endpoints: tuple[Endpoint, ...]
    clients: int
    interval: float
    lifetime: float

    @property
    def writers(self) -> tuple[Endpoint, ...]:
        """The endpoints that lead to the leader."""
        return tuple(e for e in self.endpoints if e.mode == WRITE)


def parse_endpoints(data: Mapping[str, Any]) -> tuple[Endpoint, ...]:
    """All endpoints of a playbook. Raises MatriarchError when there is none, or one makes no sense."""
    if not data:
        raise MatriarchError(
            "'endpoints' is empty: give at least one, like rw: {hosts: [10.0.0.11], port: 5000, mode: write}"
        )
    return tuple(Endpoint.parse(str(name), value) for name, value in data.items())


def _hosts(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise MatriarchError(f"the endpoint {name!r} needs a list of hosts, not {value!r}")
    return tuple(str(host) for host in value)


def _port(name: str, value: object) -> int:
    """Numbers that passed through a template are text."""
    if not str(value).isdecimal() or not 0 < int(str(value)) < 65536:
        raise MatriarchError(f"the endpoint {name!r} needs a port, not {value!r}")
    return int(str(value))
