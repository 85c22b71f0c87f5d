# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which members say that they could take over; who says nothing could not."""

from __future__ import annotations

import ssl

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.sentry import standbys

STREAMS = {"state": "running", "role": "replica", "replication_state": "streaming"}
TOLD = {
    "pg2": STREAMS,
    "pg3": {**STREAMS, "replication_state": "in archive recovery"},
    "pg4": {**STREAMS, "role": "primary"},
    "pg5": ["nonsense"],
}


@pytest.fixture(autouse=True)
def members(monkeypatch):
    class Answers:
        def __init__(self, url, _context, _seconds):
            self.url = url

        def request(self, method, path):
            assert (method, path) == ("GET", "/patroni")
            if self.url not in TOLD:
                raise RemoteError("silent", url=self.url, reason="silent")
            return TOLD[self.url]

    monkeypatch.setattr(standbys, "KeptHttp", Answers)


@pytest.mark.parametrize(("streaming", "expected"), [(True, {"pg2"}), (False, {"pg2", "pg3"})])
def test_only_who_says_so_is_fit(streaming, expected):
    names = [*TOLD, "pg6"]
    assert standbys.fit(dict(zip(names, names, strict=True)), ssl.create_default_context, streaming) == expected


def test_a_member_alone_has_nobody():
    assert standbys.fit({}, ssl.create_default_context, True) == frozenset()
