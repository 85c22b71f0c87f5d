# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.object_lock import PROBE, unprotected
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError


class Bucket:
    """One that locks what is put into it, unless it is told otherwise; `old` are versions whose lock has ended."""

    def __init__(self, versioned=True, days=30, locks=True, status=403):
        self.versioned, self.days, self.locks, self.status = versioned, days, locks, status
        self.objects: dict[str, list[str]] = {}
        self.old: set[str] = set()
        self.puts = 0

    def is_versioned(self):
        return self.versioned

    def lock_days(self):
        return self.days

    def version(self, key):
        return self.objects[key][-1] if self.objects.get(key) else None

    def put(self, key, content):
        self.objects.setdefault(key, []).append(f"v{self.puts}")
        self.puts += 1
        return self.objects[key][-1]

    def delete(self, key, version):
        if self.locks and version not in self.old:
            raise RemoteError("locked", status=self.status)
        self.objects[key].remove(version)


@pytest.mark.parametrize(
    ("bucket", "problem"),
    [
        (Bucket(), ""),
        (Bucket(days=29), "the bucket locks new objects for 29 days, not for 30"),
        (Bucket(days=0), "the bucket locks new objects for 0 days, not for 30"),
        (Bucket(versioned=False), "the bucket keeps no versions"),
        (Bucket(locks=False), "these credentials can delete a locked object"),
    ],
)
def test_what_is_declared_is_tried(bucket, problem):
    assert unprotected(bucket, "/shop", 30) == problem


def test_looking_again_leaves_nothing_more():
    bucket = Bucket()
    assert [unprotected(bucket, "/shop", 30) for _look in range(3)] == ["", "", ""]
    assert bucket.objects == {f"shop/{PROBE}": ["v0"]}


def test_a_probe_whose_lock_has_ended_proves_nothing():
    bucket = Bucket()
    bucket.put(f"shop/{PROBE}", b"")
    bucket.old = {"v0"}
    assert unprotected(bucket, "/shop", 30) == ""
    assert bucket.objects[f"shop/{PROBE}"] == ["v1"]


def test_a_storage_that_fails_is_no_storage_that_refuses():
    with pytest.raises(RemoteError):
        unprotected(Bucket(status=503), "/shop", 30)
