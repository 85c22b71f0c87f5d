# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the role restarts the guard, by its own variables."""

from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.roles import role_variable

PROGRAM = "/usr/local/libexec/matriarch-guard"
UNIT = "/etc/systemd/system/matriarch-guard.service"
CONFIGURATION = "/etc/patroni/config.yml"


@pytest.mark.parametrize(
    ("watchdog", "changed", "is_new"),
    [
        ("guard", [PROGRAM], True),
        ("guard", [CONFIGURATION, UNIT], True),
        ("guard", [CONFIGURATION], False),
        ("guard", [], False),
        ("hardware", [PROGRAM], False),
    ],
)
def test_only_another_guard_is_restarted(watchdog, changed, is_new):
    known = {
        "__patroni_watchdog": watchdog,
        "__patroni_configured": {"changed_paths": changed},
        "__patroni_guard_files": [{"path": PROGRAM}, {"path": UNIT}],
    }
    assert role_variable("patroni", "__patroni_guard_is_new", known) is is_new
