# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a repository's storage keeps its promise that nobody deletes a backup: it is tried."""

from __future__ import annotations

from typing import Protocol

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError

PROBE = "matriarch-object-lock"
"""Below the repository's path; one small object, which stays."""

REFUSED = frozenset({400, 403, 405, 409})


class Bucket(Protocol):
    """What is asked of it; see clients/s3.py."""

    def is_versioned(self) -> bool: ...
    def lock_days(self) -> int: ...
    def version(self, key: str) -> str | None: ...
    def put(self, key: str, content: bytes) -> str: ...
    def delete(self, key: str, version: str) -> None: ...


def unprotected(bucket: Bucket, path: str, days: int) -> str:
    """Why objects are not protected for so many days; empty where they are. Raises RemoteError."""
    if not bucket.is_versioned():
        return "the bucket keeps no versions"
    if (locked := bucket.lock_days()) < days:
        return f"the bucket locks new objects for {locked} days, not for {days}"
    key = f"{path.strip('/')}/{PROBE}"
    version = bucket.version(key)
    # One of an earlier look may be old enough to go; then a new one must not.
    if version and not _goes(bucket, key, version):
        return ""
    new = bucket.put(key, b"Tells whether these credentials can delete what is locked.\n")
    return "these credentials can delete a locked object" if _goes(bucket, key, new) else ""


def _goes(bucket: Bucket, key: str, version: str) -> bool:
    try:
        bucket.delete(key, version)
    except RemoteError as error:
        if error.details.get("status") in REFUSED:
            return False
        raise
    return True
