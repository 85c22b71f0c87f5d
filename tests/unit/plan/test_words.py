# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.words import moment


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("2026-11-26T06:31:27.717526+00:00", "2026-11-26 06:31:27"),
        ("2026-11-26T06:31:27+02:00", "2026-11-26 04:31:27"),
        ("2026-11-26T06:31:27", "2026-11-26T06:31:27"),
        ("yesterday {{ x }}", "yesterday {{ x }}"),
        (None, "?"),
        ("", "?"),
        (17, "17"),
    ],
)
def test_a_moment_is_told_to_the_second(told, shown):
    assert moment(told) == shown
