# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who makes a backup: the member that was named, or the first in line as each host sees it."""

from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.modules import backup_take
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.backups import settings

MEMBERS = [
    {"name": "db1", "role": "leader", "state": "running"},
    {"name": "db2", "role": "replica", "state": "streaming", "lag": 0},
    {"name": "db3", "role": "replica", "state": "stopped"},
]


@pytest.fixture
def take(monkeypatch, run_module):
    """What the host of a member answers."""
    state = ClusterState.from_json({"members": MEMBERS})
    monkeypatch.setattr(backup_take, "ask_patroni", lambda _settings: state)
    monkeypatch.setattr(backup_take, "take", lambda params: {"label": "F", "repository": params["repository"]})

    def take(host, **told):
        monkeypatch.setattr(Settings, "read", lambda _path: settings(member=host))
        return run_module(backup_take, **told)

    return take


def test_the_first_in_line_makes_it(take):
    assert take("db2")["backup"] == {"label": "F", "repository": 1}
    told = take("db1")
    assert (told["changed"], told["member"], told["order"], told["backup"]) == (False, "db2", ["db2", "db1"], None)


def test_it_is_only_named_in_check_mode(take):
    told = take("db2", check_mode=True)
    assert (told["changed"], told["backup"]) == (True, None)


def test_a_member_that_is_named_makes_it_wherever_it_stands_in_line(take):
    assert take("db1", member="db1")["backup"]
    assert take("db2", member="db1")["backup"] is None


def test_one_that_fell_out_of_line_is_refused(take):
    assert "db3 neither leads nor streams any more" in take("db3", member="db3")["msg"]
    assert take("db2", member="db3")["backup"] is None
