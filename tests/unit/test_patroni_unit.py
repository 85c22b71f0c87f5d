# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Patroni's unit starts and reloads it, by the kind of its watchdog."""

from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.roles import role_template

OPENED = "+/usr/bin/chown postgres /dev/watchdog"
TOLD = "/bin/kill -HUP $MAINPID"


def said(watchdog: str, word: str) -> list[str]:
    """What the unit says by this word, in its order."""
    known = {
        "pgcluster_name": "main",
        "__patroni_watchdog": watchdog,
        "__patroni_sentry_mark": "/run/hung",
        "__patroni_python": "/usr/bin/python3",
    }
    lines = role_template("patroni", "patroni.service.j2", known)
    return [value for line in lines for key, _equals, value in [line.partition("=")] if key == word]


def test_a_watchdog_that_came_later_is_opened_before_a_reload_takes_it():
    assert said("hardware", "ExecReload") == [OPENED, TOLD]
    assert said("hardware", "ExecStartPre") == [OPENED]


@pytest.mark.parametrize("watchdog", ["guard", "off"])
def test_no_device_is_needed_without_it(watchdog):
    assert said(watchdog, "ExecReload") == [TOLD]
    assert said(watchdog, "ExecStartPre") == []
