# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What host_status returns on a healthy host, for whoever has to judge it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

MEMBERS = ("pg1", "pg2", "pg3")


def server(backend: str, name: str, status: str = "UP") -> dict[str, Any]:
    """One server of a HAProxy."""
    told = {"sessions": 0, "last_check": "L7OK", "seconds_since_change": 600}
    return {"backend": backend, "name": name, "status": status, "is_up": status.startswith("UP"), **told}


def servers(leader: str | None, members: Iterable[str] = MEMBERS, **status: str) -> list[dict[str, Any]]:
    """Both backends when `leader` leads; `status` is that of single replicas."""
    return [
        *(server("leader", name, "UP" if name == leader else "DOWN") for name in members),
        *(server("replicas", name, status.get(name, "DOWN" if name == leader else "UP")) for name in members),
    ]


def pooler(**changes: Any) -> dict[str, Any]:
    """One PgBouncer."""
    clients = {"clients_active": 4, "clients_waiting": 0, "maxwait_seconds": 0.0, "pools": []}
    return {"paused": False, "version": "1.24.1", **clients, **changes}


def slot(**changes: Any) -> dict[str, Any]:
    """One replication slot."""
    return {"name": "pg2", "type": "physical", "active": True, "retained_bytes": 0, "wal_status": "reserved", **changes}


def postgres(*, leads: bool = False, **changes: Any) -> dict[str, Any]:
    """The PostgreSQL of a host."""
    return {
        "in_recovery": not leads,
        "version": "17.4",
        "timeline": 3,
        "current_lsn": "0/5000060" if leads else None,
        "receive_lsn": None if leads else "0/5000060",
        "replay_lsn": None if leads else "0/5000060",
        "receiver": None if leads else "streaming",
        "replay_lag_seconds": None if leads else 0,
        "archiver": {
            "enabled": True,
            "archived_count": 9,
            "last_archived_wal": "000000030000000000000004",
            "failed_count": 0,
            "last_failed_wal": None,
            "failing": False,
            "ready_files": 0,
        },
        "longest_transaction_seconds": 0,
        "prepared_transactions": 0,
        "replication": [],
        "slots": [],
        "damaged_pages": {},
        **changes,
    }


def certificate(days_left: int = 300, path: str = "/etc/matriarch/tls/host.crt") -> dict[str, Any]:
    """One certificate."""
    return {"path": path, "subject": "CN=pg1", "not_after": "2027-11-08T12:00:00Z", "days_left": days_left}


def volume(**changes: Any) -> dict[str, Any]:
    """One file system that holds everything."""
    holds = {"data": "/var/lib/postgresql/17/shop", "wal": "/var/lib/postgresql/17/shop/pg_wal", "log": "/var/log"}
    room = {"free_bytes": 60 * 2**30, "total_bytes": 100 * 2**30, "free_files": 6000000, "total_files": 6553600}
    return {"holds": holds, **room, "read_only": False, **changes}


DRILLED: dict[str, Any] = {
    "kind": "drill",
    "at": "2026-11-01T03:00:00Z",
    "member": "pg2",
    "repositories": ["s3://b/shop at s3"],
    "problems": [],
    "facts": {"rto_seconds": 61.5, "rpo_seconds": 40.0},
}


def backups(**changes: Any) -> dict[str, Any]:
    """What a member knows of the backups."""
    newest = {"label": "20261101-010000F", "kind": "full", "size_bytes": 1048576, "stored_bytes": 524288}
    times = {"started": "2026-11-01T01:00:00Z", "stopped": "2026-11-01T01:05:00Z"}
    told = {"repository": "s3://b/shop at s3", "newest": {**newest, **times}, "age_seconds": 7200.0, "problem": ""}
    looked = {
        "checked_at": "2026-11-01T03:00:00Z",
        "failure": "",
        "failed_at": "",
        "missing": "",
        "unmended": "",
        "proof": {"drill": DRILLED, "good_drill": DRILLED},
        "drill": {"interval_hours": 0, "failure": ""},
        "asked_at": "2026-11-01T05:00:00+00:00",
    }
    return {"interval_hours": 24, "repositories": [told], **looked, **changes}


def report(*, leader: str | None = "pg1", leads: bool = False, **changes: Any) -> dict[str, Any]:
    """The report of a host that does everything."""
    return {
        "poolers": {"rw": pooler(), "ro": pooler()},
        "has_virtual_address": None,
        "haproxy": servers(leader),
        "certificates": [certificate()],
        "volumes": [volume()],
        "postgres": postgres(leads=leads),
        "backups": backups(),
        "following": None,
        "units": {"etcd.service": "active", "patroni.service": "active"},
        "outdated_units": [],
        "problems": [],
        **changes,
    }


def hosts(**reports: Any) -> dict[str, dict[str, Any]]:
    """Three hosts that do everything, healthy where nothing else is said, as patroni_cluster_info takes them."""
    healthy = {name: report(leads=name == "pg1") for name in MEMBERS}
    return {
        name: {"etcd": True, "postgres": True, "proxy": True, "report": told}
        for name, told in (healthy | reports).items()
    }
