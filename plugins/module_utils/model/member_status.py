# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One member as its own Patroni tells it (GET /patroni), without the consensus store. Immutable; parsed once, here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn

PRIMARY_ROLES = frozenset({"primary", "master"})  # "master" before Patroni 4.0
LEADING_ROLES = PRIMARY_ROLES | {"standby_leader"}
LOST_STATES = frozenset({"start failed", "restart failed", "stop failed", "crashed", "stopped"})


@dataclass(frozen=True)
class MemberStatus:
    """What a member knows of itself. Positions are bytes of WAL, None where its PostgreSQL did not say.

    `role` is what PostgreSQL does: primary, replica, standby_leader, or demoted and the like while it is down; who
    *leads* is for the consensus store to say. `state` is Patroni's word for the postmaster: running, starting,
    restarting, stopped, crashed, "start failed", "creating replica", unknown and so on; a standby that streams is
    "running" here and says so in `replication_state` (from Patroni 3.2: streaming, "in archive recovery" or nothing).
    """

    state: str
    role: str
    name: str = ""  # empty before Patroni 3.2
    scope: str = ""
    patroni_version: str = ""
    server_version: int | None = None  # 170004 is 17.4
    system_identifier: str = ""
    timeline: int | None = None
    written_lsn: int | None = None  # flushed by a primary
    received_lsn: int | None = None  # written by a standby's receiver, or restored
    replayed_lsn: int | None = None
    replayed_at: datetime | None = None  # when the commit that was replayed last had been made
    replay_paused: bool = False
    replication_state: str = ""
    postmaster_started: str = ""  # as PostgreSQL writes a time; differs after each restart
    pending_restart: bool = False
    pending_restart_reason: Mapping[str, Any] = field(default_factory=dict)
    scheduled_restart: str = ""
    synchronous: bool = False
    paused: bool = False
    leaderless: bool = False  # the member sees nobody hold the leader's key, or does not see the store
    failsafe_active: bool = False
    watchdog_failed: bool = False
    dcs_last_seen: int | None = None  # seconds since 1970
    tags: Mapping[str, Any] = field(default_factory=dict)
    standbys: tuple[Mapping[str, Any], ...] = ()  # who streams from here, as pg_stat_replication names them

    @classmethod
    def from_json(cls, data: object) -> MemberStatus:
        """Parse the answer to GET /patroni. Raises ValueError when it tells no state."""
        if not isinstance(data, Mapping) or not isinstance(data.get("state"), str):
            raise ValueError("the answer tells no state")
        patroni, xlog = _mapping(data.get("patroni")), _mapping(data.get("xlog"))
        return cls(
            state=data["state"],
            role=_text(data.get("role")),
            name=_text(patroni.get("name")),
            scope=_text(patroni.get("scope")),
            patroni_version=_text(patroni.get("version")),
            server_version=_whole(data.get("server_version")),
            system_identifier=_text(data.get("database_system_identifier")),
            timeline=_whole(data.get("timeline")) or None,
            written_lsn=_whole(xlog.get("location")),
            received_lsn=_whole(xlog.get("received_location")),
            replayed_lsn=_whole(xlog.get("replayed_location")),
            replayed_at=_time(xlog.get("replayed_timestamp")),
            replay_paused=xlog.get("paused") is True,
            replication_state=_text(data.get("replication_state")),
            postmaster_started=_text(data.get("postmaster_start_time")),
            pending_restart=data.get("pending_restart") is True,
            pending_restart_reason=_mapping(data.get("pending_restart_reason")),
            scheduled_restart=_text(_mapping(data.get("scheduled_restart")).get("schedule")),
            synchronous=data.get("sync_standby") is True or data.get("quorum_standby") is True,
            paused=data.get("pause") is True,
            leaderless=data.get("cluster_unlocked") is True,
            failsafe_active=data.get("failsafe_mode_is_active") is True,
            watchdog_failed=data.get("watchdog_failed") is True,
            dcs_last_seen=_whole(data.get("dcs_last_seen")),
            tags=_mapping(data.get("tags")),
            standbys=tuple(dict(s) for s in _list(data.get("replication")) if isinstance(s, Mapping)),
        )

    @property
    def is_running(self) -> bool:
        """True when its PostgreSQL answers queries."""
        return self.state == "running"

    @property
    def is_primary(self) -> bool:
        """True when its PostgreSQL runs and takes writes."""
        return self.is_running and self.role in PRIMARY_ROLES

    @property
    def serves_as_leader(self) -> bool:
        """True when its PostgreSQL does what a leader's does, in a standby cluster as well."""
        return self.is_running and self.role in LEADING_ROLES

    @property
    def streams(self) -> bool:
        """True for a standby that streams; Patroni before 3.2, which tells no name, is believed when it runs."""
        return self.is_running and (self.replication_state == "streaming" or not self.name)

    @property
    def is_lost(self) -> bool:
        """True when its PostgreSQL is down and Patroni has not (yet) brought it back."""
        return self.state in LOST_STATES

    @property
    def lsn(self) -> int | None:
        """How far its log reaches: what a promotion of this member would keep."""
        known = [p for p in (self.written_lsn, self.received_lsn, self.replayed_lsn) if p is not None]
        return max(known, default=None)

    def facts(self) -> dict[str, Any]:
        """What a module returns of it."""
        told = ("state", "role", "replication_state", "timeline", "postmaster_started", "pending_restart")
        facts = {name: getattr(self, name) for name in (*told, "server_version", "patroni_version", "paused")}
        reason = dict(self.pending_restart_reason)
        return {**facts, "pending_restart_reason": reason, "lsn": None if self.lsn is None else lsn.show(self.lsn)}


@dataclass(frozen=True)
class Voice:
    """What came of asking one member: its status, or the reason why there is none."""

    name: str
    url: str
    status: MemberStatus | None = None
    reason: str = ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _time(value: object) -> datetime | None:
    """A moment with its zone as Python prints one ("2026-01-31 12:00:00.5+00:00"), or None."""
    try:
        moment = datetime.fromisoformat(_text(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
