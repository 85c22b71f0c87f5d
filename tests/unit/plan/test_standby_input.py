# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.filter.standby import standby_problems

S3 = {"type": "s3", "endpoint": "s3.example.org", "bucket": "b"}
SOURCE = {"cluster": "main", "repositories": [S3], "hosts": ["192.0.2.1"]}


@pytest.mark.parametrize(
    ("source", "own", "words"),
    [
        ({}, [S3], None),
        (SOURCE, [], None),
        (SOURCE, [S3], None),  # /main there, /dr here
        (SOURCE, [{**S3, "path": "/other"}], None),
        ({**SOURCE, "hosts": []}, [], "lacks hosts"),
        ({"cluster": "main"}, [], "lacks repositories, hosts"),
        ({**SOURCE, "host": "x"}, [], "has host; known are"),
        ({**SOURCE, "cluster": "dr"}, [], "is dr itself"),
        ({**SOURCE, "hosts": "192.0.2.1"}, [], "must be a list"),
        (SOURCE, [{**S3, "path": "/main"}], "backup_repositories 1 of dr is the place where main"),
        (SOURCE, [{**S3, "path": "/main/"}], "backup_repositories 1 of dr is the place where main"),
        (
            {**SOURCE, "repositories": [{"type": "directory", "path": "/mnt/a"}]},
            [S3, {"type": "directory", "path": "/mnt/a"}],
            "backup_repositories 2 of dr",
        ),
    ],
)
def test_what_is_declared(source, own, words):
    found = standby_problems(source, "dr", own)
    assert (words is None and found == []) or words in found[0]
