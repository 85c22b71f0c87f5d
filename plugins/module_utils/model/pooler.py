# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PgBouncer's console tells of its pools and of who uses them. Immutable; parsed once, here."""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Row = Mapping[str, str]

CONSOLE = "pgbouncer"
"""The database that is the console itself; its own pool is nobody's concern."""


@dataclass(frozen=True)
class Pool:
    """The connections of one user to one database, from SHOW POOLS.

    `cl_` counts clients (`waiting`: for a server connection), `sv_` server connections. `maxwait_seconds` is how long
    the first of the waiting clients has waited.
    """

    database: str
    user: str
    cl_active: int
    cl_waiting: int
    sv_active: int
    sv_idle: int
    sv_used: int
    sv_tested: int
    sv_login: int
    maxwait_seconds: float
    pool_mode: str | None


@dataclass(frozen=True)
class ServerInUse:
    """A server connection that a client holds, and so what a PAUSE waits for; from SHOW SERVERS and SHOW CLIENTS.

    `client_address` and `application_name` are None where the client is gone already. `seconds` have passed since its
    last request, by the full second; None where unknown.
    """

    database: str
    user: str
    client_address: str | None
    application_name: str | None
    state: str
    seconds: float | None

    def __str__(self) -> str:
        """The holder in a few words, for messages."""
        who = f"{self.user!r} in {self.database!r} from {self.client_address or 'a client that is gone'}"
        named = f" ({self.application_name!r})" if self.application_name else ""
        since = "" if self.seconds is None else f", last request {self.seconds:.0f} s ago"
        return f"{who}{named}{since}"


def parse_pools(rows: Iterable[Row]) -> tuple[Pool, ...]:
    """The pools of SHOW POOLS, without the console's own. Raises ValueError or KeyError for anything else."""
    return tuple(_pool(row) for row in rows if row["database"] != CONSOLE)


def _pool(row: Row) -> Pool:
    return Pool(
        database=row["database"],
        user=row["user"],
        cl_active=int(row["cl_active"]),
        cl_waiting=int(row["cl_waiting"]),
        sv_active=int(row["sv_active"]),
        sv_idle=int(row["sv_idle"]),
        sv_used=int(row["sv_used"]),
        sv_tested=int(row["sv_tested"]),
        sv_login=int(row["sv_login"]),
        maxwait_seconds=int(row["maxwait"]) + int(row["maxwait_us"]) / 1e6,
        pool_mode=row.get("pool_mode") or None,
    )


def parse_servers_in_use(servers: Iterable[Row], clients: Iterable[Row], now: float) -> tuple[ServerInUse, ...]:
    """The server connections that somebody holds, the longest held first; *now* is in seconds since 1970.

    Raises KeyError for anything but the answers to SHOW SERVERS and SHOW CLIENTS.
    """
    holders = {client["ptr"]: client for client in clients}
    held = (_in_use(server, holders.get(server["link"]), now) for server in servers if server["state"] == "active")
    return tuple(sorted(held, key=lambda each: each.seconds or 0.0, reverse=True))


def _in_use(server: Row, client: Row | None, now: float) -> ServerInUse:
    client = client or {}
    return ServerInUse(
        database=server["database"],
        user=server["user"],
        client_address=f"{client['addr']}:{client['port']}" if client else None,
        application_name=client.get("application_name") or None,
        state=server["state"],
        seconds=_seconds_since((client or server).get("request_time", ""), now),
    )


def _seconds_since(moment: str, now: float) -> float | None:
    """PgBouncer prints the local time of its host, which is this one, like "2026-03-01 12:00:00 CET"."""
    try:
        parsed = time.strptime(moment[:19], "%Y-%m-%d %H:%M:%S")
        then = calendar.timegm(parsed) if moment.endswith((" UTC", " GMT")) else time.mktime(parsed)
    except (ValueError, OverflowError):
        return None
    return max(0.0, now - then)


def resume_unit(pool: str) -> str:
    """The timer that resumes a pool when nobody else does."""
    return f"matriarch-resume-{pool}"


def resume_command(pool: str) -> list[str]:
    """What that timer runs: SIGUSR2 is PgBouncer's RESUME, and of no effect on one that is not paused."""
    return ["systemctl", "kill", "--kill-whom=main", "--signal=SIGUSR2", f"pgbouncer@{pool}.service"]
