# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.control_data import ControlData, insufficient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.restore_mark import RestoreMark
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.recovery import CONTROL


def test_what_pg_controldata_prints():
    control = ControlData.from_text(CONTROL.format(state="shut down in recovery", timeline=3))
    assert (control.system_identifier, control.timeline, control.segment_size) == ("7", 3, 16 * 2**20)
    assert control.standby_settings["max_prepared_transactions"] == 0
    assert control.writer_settings == {"wal_level": "replica", "wal_log_hints": "on", "track_commit_timestamp": "off"}
    assert not control.is_cleanly_stopped
    assert ControlData.from_text(CONTROL.format(state="shut down", timeline=3)).is_cleanly_stopped


def test_something_else():
    with pytest.raises(ValueError, match="printed no line"):
        ControlData.from_text("pg_controldata: error: could not open file")


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (
            "max_wal_senders = 5 is a lower setting than on the primary server, where its value was 20.",
            ("max_wal_senders", 20),
        ),
        ("", None),
        ("something new", None),
    ],
)
def test_a_parameter_that_is_too_low(told, found):
    assert insufficient(told) == found


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"stamp": 1}', '{"stamp": "x", "target": "y", "stage": "z", "evidence": 5, "wish": {}}']
)
def test_what_is_no_mark(text):
    with pytest.raises(ValueError, match="no mark of a restore"):
        RestoreMark.from_text(text)


def test_a_mark_survives():
    mark = RestoreMark("20261201T020000Z", "latest", "copied", wish={"target": "latest"}).at(
        "recovered", {"replayed": "0/5"}
    )
    assert RestoreMark.from_text(mark.to_text()) == mark
