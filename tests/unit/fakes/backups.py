# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repositories for tests: backups by name, and WAL by timeline and number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import FULL, Archived, Backup, Catalog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import SEGMENT_BYTES, Fork, Segment

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SYSTEM = "7712350653907947174"

S3 = {"type": "s3", "path": "/shop", "bucket": "b", "endpoint": "s3.example"}


def settings(**changes: Any) -> Settings:
    """What db1 of three members is told, with one repository."""
    declared: dict[str, Any] = {
        "cluster": "shop",
        "engine": "pgbackrest",
        "member": "db1",
        "members": {"db1": "192.0.2.1", "db2": "192.0.2.2", "db3": "192.0.2.3"},
        "repositories": [S3],
        "schedule": {"interval_hours": 24, "offset_hours": 1, "full_days": 7},
        "keep_days": 30,
        "data_directory": "/data",
        "binary_directory": "/bin",
        "postgresql_major": 17,
        "etcd_urls": ["https://192.0.2.1:2379"],
        "ca_file": "/ca",
        "certificate_file": "/crt",
        "key_file": "/key",
    }
    return Settings.parse({**declared, **changes})


def backup(label: str, ended: datetime, number: int = 4, **changes: Any) -> Backup:
    """One that took five minutes, and whose WAL is the one segment of this number."""
    lsn = number * SEGMENT_BYTES + 40
    facts: dict[str, Any] = {"kind": FULL, "repository": 1, "timeline": 1, "size": 100, "stored": 10}
    told = {**facts, "started": ended - timedelta(minutes=5), "stopped": ended, "start_lsn": lsn, "stop_lsn": lsn + 200}
    return Backup(label=label, **{**told, **changes})


def wal(timeline: int, numbers: Iterable[int], repository: int = 1, at: datetime = NOON) -> list[Archived]:
    """Segments that came a minute after each other, from `at` on."""
    return [Archived(Segment(timeline, n), repository, at + timedelta(minutes=i)) for i, n in enumerate(numbers)]


def catalog(
    backups: Iterable[Backup] = (),
    segments: Iterable[Archived] = (),
    histories: Mapping[int, tuple[Fork, ...]] | None = None,
    **changes: Any,
) -> Catalog:
    """All that is in the repositories."""
    ordered = tuple(sorted(segments, key=lambda each: (each.repository, each.segment)))
    return Catalog(tuple(backups), ordered, histories or {}, **{"systems": {1: SYSTEM}, **changes})
