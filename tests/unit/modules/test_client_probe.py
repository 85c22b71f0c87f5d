# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe's module as Ansible runs it, against a database in a file."""

from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.modules import client_probe
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.probe_database import FakeDatabase

OPTIONS = {
    "run": "switchover-1",
    "endpoints": {
        "pooled-rw": {"hosts": ["10.0.0.1"], "port": 6432, "mode": "write"},
        "ro {{ x }}": {"hosts": ["10.0.0.1"], "port": "5001", "mode": "read", "persistent": False},
    },
    "user": "probe",
    "password": "s3cret-word",
    "ca_file": "/ca.crt",
    "interval_ms": 5,
    "lifetime": 60,
    "wait": 60,
}


@pytest.fixture
def database(tmp_path, monkeypatch):
    fake = FakeDatabase(tmp_path)
    monkeypatch.setattr(client_probe, "SqlSession", fake.connect)
    monkeypatch.setattr(client_probe, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(client_probe, "check_library", lambda: None)
    return fake


def test_start_and_stop(database, run_module):
    started = run_module(client_probe, **OPTIONS)
    assert (started["changed"], started["found"], started["endpoints"]) == (False, True, {})
    stopped = run_module(client_probe, state="stopped", **OPTIONS)
    assert (stopped["changed"], stopped["run"], stopped["problem"]) == (False, "switchover-1", None)
    assert stopped["endpoints"]["pooled-rw"]["lost_acknowledged"] == 0
    assert stopped["endpoints"]["ro {{ x }}"]["acknowledged"] > 0
    again = run_module(client_probe, state="stopped", **OPTIONS)
    assert (again["found"], again["endpoints"]) == (False, {})


@pytest.mark.parametrize("state", ["started", "stopped"])
def test_check_mode_does_nothing(database, run_module, tmp_path, state):
    answer = run_module(client_probe, check_mode=True, state=state, **OPTIONS)
    assert (answer["changed"], answer["endpoints"]) == (False, {})
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"run": "../../etc"}, "'../../etc' is no name"),
        ({"run": ""}, "is no name"),
        ({"run": "a\nb"}, "is no name"),
        ({"run": "x" * 65}, "is no name"),
        ({"clients": 0}, "'clients' is 0"),
        ({"interval_ms": 0}, "'interval_ms' is 0"),
        ({"lifetime": -1}, "'lifetime' is -1"),
        ({"endpoints": {}}, "'endpoints' is empty"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_begun(database, run_module, tmp_path, changed, told):
    answer = run_module(client_probe, **{**OPTIONS, **changed})
    assert told in answer["msg"]
    assert "s3cret" not in str(answer)
    assert not (tmp_path / "runs").exists()
