# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.canary import Canary, expected

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WRITTEN = [Canary(n, NOON + timedelta(minutes=n), 100 * n) for n in (3, 1, 2)]


@pytest.mark.parametrize(
    ("end", "number"), [(0, None), (101, None), (200, None), (201, 1), (300, 1), (301, 2), (10**9, 2)]
)
def test_one_is_expected_when_the_next_one_began_before_the_end(end, number):
    found = expected(WRITTEN, end)
    assert (found.number if found else None) == number


def test_where_none_were_written_none_is():
    assert expected([], 10**9) is None
