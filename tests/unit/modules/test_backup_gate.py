# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.proofs import Proofs
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    MatriarchError,
    NobodyAnswered,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import DRILL, Proof, Trial
from ansible_collections.matriarch.pgcluster.plugins.modules import backup_gate
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.backups import NOON, backup, catalog, settings, wal

GOOD = Trial(DRILL, "2999-01-01T00:00:00Z", "db2", ("s3://b/shop at s3.example",))

HELD = catalog([backup("a", NOON)], wal(1, [4]))


class World:
    held = HELD
    here = Proof()
    there = Proof().knowing(GOOD)
    silent = False

    def __init__(self):
        self.errors: list[Exception] = []

    def catalog(self, _settings, _call):
        for error in self.errors:
            raise error
        return self.held


@pytest.fixture
def world(monkeypatch):
    it = World()

    def told(_self):
        if it.silent:
            raise NobodyAnswered({"https://db1:2379": "refused"})
        return it.there

    monkeypatch.setattr(Settings, "read", lambda _path: settings())
    monkeypatch.setattr(backup_gate, "servers", lambda *_told: [])
    monkeypatch.setattr(backup_gate, "engine", lambda _name: it)
    monkeypatch.setattr(Proofs, "told", told)
    monkeypatch.setattr(Proofs, "known_here", lambda _self: it.here)
    return it


@pytest.fixture
def ask(run_module):
    return lambda: run_module(backup_gate)


def test_open(world, ask):
    answer = ask()
    assert (answer["open"], answer["reason"], answer["next"], answer["changed"]) == (True, "", "", False)


def test_closed(world, ask):
    world.there = Proof()
    answer = ask()
    assert (answer["open"], answer["age_hours"]) == (False, None)
    assert "restore_drill.yml" in answer["next"]


def test_without_etcd_the_host_knows(world, ask):
    world.silent = True
    assert ask()["open"] is False
    world.here = Proof().knowing(GOOD)
    assert ask()["open"] is True


def test_a_storage_that_is_silent(world, ask):
    world.errors = [RemoteError("repository 1: no route to host")]
    assert ask()["reason"] == "the backups cannot be read now: repository 1: no route to host"


def test_a_host_that_knows_of_no_backups(world, ask, monkeypatch):
    def none(_path):
        raise MatriarchError("there are no settings")

    monkeypatch.setattr(Settings, "read", none)
    assert ask() | {"open": False, "reason": "there are no settings", "next": "ansible-playbook site.yml"} == ask()
