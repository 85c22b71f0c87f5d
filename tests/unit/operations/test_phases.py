# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations.phases import Phases


def test_phases_are_in_milliseconds_in_their_order_and_add_up():
    phases = Phases()
    phases.note("drain", 0.0162)
    phases.note("promote", 0.25)
    phases.note("drain", 0.01)
    assert phases.milliseconds == {"drain": 26.2, "promote": 250.0}
    assert list(phases.milliseconds) == ["drain", "promote"]


def test_a_phase_is_measured_also_when_it_fails():
    phases = Phases()

    def fail():
        with phases.phase("drain"):
            time.sleep(0.002)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert phases.milliseconds["drain"] >= 2.0
