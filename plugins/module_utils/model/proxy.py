# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers and frontends of an HAProxy as `show stat` tells them. Immutable; parsed once, here."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

FRONTEND, SERVER = "0", "2"
"""The values of the column `type` in lines about frontends and servers (HAProxy's management guide, "CSV format")."""

SERVING = frozenset({"UP", "no check"})
"""The first part of a status in which a server gets new connections; DRAIN, NOLB, MAINT and DOWN get none."""


STATE_PROGRAM = "/usr/local/libexec/matriarch-haproxy-state"


@dataclass(frozen=True)
class HaproxyServer:
    """One server of one backend.

    `status` is HAProxy's own: UP, DOWN, DRAIN, MAINT, NOLB or "no check", followed by what it is on its way to, like
    "UP 2/3". `sessions` are the current ones. `last_check` is what the check said or why it failed, as a code like
    "L4CON" and words. `seconds_since_change` counts from the last time it went up or down; None where not told.
    """

    backend: str
    name: str
    status: str
    is_up: bool
    sessions: int
    last_check: str
    seconds_since_change: int | None


def parse_servers(text: str) -> tuple[HaproxyServer, ...]:
    """The servers of the answer to `show stat`, in its order. Raises ValueError when it is something else."""
    return tuple(_server(line) for line in _lines(text, SERVER))


def parse_session_limits(text: str) -> dict[str, int]:
    """How many sessions each frontend takes at a time, from the same answer. Raises ValueError likewise."""
    return {line["pxname"]: int(line["slim"]) for line in _lines(text, FRONTEND)}


def _lines(text: str, kind: str) -> list[dict[str, str]]:
    if not text.startswith("# pxname,svname,"):
        raise ValueError(f"the answer has no header of statistics: {text[:200]!r}")
    lines = csv.DictReader(io.StringIO(text.removeprefix("# "), newline=""), restval="")
    try:
        return [line for line in lines if line.get("type") == kind]
    except csv.Error as error:
        raise ValueError(f"the answer cannot be read: {error}") from error


def _server(line: Mapping[str, str]) -> HaproxyServer:
    status = line.get("status", "")
    return HaproxyServer(
        backend=line["pxname"],
        name=line["svname"],
        status=status,
        is_up=status in SERVING or status.startswith("UP "),
        sessions=_whole(line.get("scur", "")) or 0,
        last_check=" ".join(filter(None, (line.get("check_status", "").strip("* "), line.get("last_chk", "").strip()))),
        seconds_since_change=_whole(line.get("lastchg", "")),
    )


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def undrain_unit(server: str) -> str:
    """The timer that lets a drained server serve again when nobody else does."""
    return f"matriarch-undrain-{server}"


def undrain_command(backend: str, server: str) -> list[str]:
    """What that timer runs: the haproxy role's own program speaks to the admin socket."""
    return [STATE_PROGRAM, "ready", f"{backend}/{server}"]


def admit_unit(frontend: str) -> str:
    """The timer that lets new sessions in when nobody else does."""
    return f"matriarch-admit-{frontend}"


def admit_command(frontend: str, limit: int) -> list[str]:
    """What that timer runs."""
    return [STATE_PROGRAM, "admit", frontend, str(limit)]
