# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database of one etcd member at one moment. Immutable; parsed once, here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class EtcdStorage:
    """Sizes in bytes: of the file, of what in it is used, and at which writes are refused (0: before 3.6 untold).

    A compaction turns used space into unused one, and only a defragmentation makes the file smaller. etcd compares the
    size of the file with the quota.
    """

    member_id: int
    revision: int
    size_bytes: int
    used_bytes: int
    quota_bytes: int = 0

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EtcdStorage:
        """Parse the answer to a status request. Raises KeyError, TypeError or ValueError when it is none."""
        size = int(data.get("dbSize", 0))
        return cls(
            member_id=int(data["header"]["member_id"]),
            revision=int(data["header"]["revision"]),
            size_bytes=size,
            used_bytes=int(data.get("dbSizeInUse", size)),
            quota_bytes=int(data.get("dbSizeQuota", 0)),
        )

    @property
    def unused_bytes(self) -> int:
        """What a defragmentation would give back."""
        return max(self.size_bytes - self.used_bytes, 0)
