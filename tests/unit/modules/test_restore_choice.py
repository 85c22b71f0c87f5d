# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.registry import engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import Archived, Backup, Catalog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import Segment
from ansible_collections.matriarch.pgcluster.plugins.module_utils.restore import choosing
from ansible_collections.matriarch.pgcluster.plugins.modules import restore_choice

MADE_UP: Any = Settings  # of values that do not matter
SIZE = 16 * 2**20
NOON = datetime(2025, 12, 1, 12, tzinfo=UTC)
MADE = Backup("F1", "full", 1, NOON, NOON, 1, 2 * SIZE + 40, 2 * SIZE + 90, size=77)
SEGMENTS = tuple(Archived(Segment(1, n), 1, NOON + timedelta(minutes=n)) for n in range(2, 6))


class Engine:
    catalog_now = Catalog(backups=(MADE,), segments=SEGMENTS, systems={1: "7"})

    def catalog(self, _settings, _call):
        return self.catalog_now

    def fetch(self, settings, _spool, repository):
        return f'get --path={settings.data_directory} --repo={repository} %f "%p"'


@pytest.fixture
def choose(monkeypatch, run_module):
    fake = Engine()
    settings = MADE_UP(*["x"] * 3, {}, (), None, 30, "/data", "/bin", 17, *["x"] * 3)
    monkeypatch.setattr(restore_choice, "engine", lambda _name: fake)
    monkeypatch.setattr(Settings, "read", lambda _path: settings)

    def choose(target="latest", **told):
        return run_module(restore_choice, target=target, data_directory="/data.restore", **told)

    told: Any = choose
    told.engine = fake
    return told


def test_all_that_a_recovery_needs(choose):
    choice = choose()["choice"]
    assert (choice["label"], choice["repository"], choice["size"]) == ("F1", 1, 77)
    assert choice["at_least"] == "0/5000000"
    assert choice["restore_command"].startswith('get --path=/data.restore --repo=0 %f "%p"; ')


def test_of_a_repository_that_is_named_the_log_comes_as_well(choose):
    assert "--repo=1 " in choose(repository=1)["choice"]["restore_command"]


def test_the_identity_counts(choose):
    assert "of another cluster" in choose(system_identifier="8")["msg"]
    assert choose(system_identifier="7")["choice"]["system_identifier"] == "7"


def test_a_repository_that_cannot_be_read_is_said(choose):
    choose.engine.catalog_now = Catalog(problems={1: "repository 1: the key is wrong"})
    assert choose()["msg"] == "repository 1: the key is wrong"


@pytest.mark.parametrize(("code", "told"), [(0, 0), (1, 1), (2, 200), (104, 200), (125, 200)])
def test_a_failure_is_not_the_end_of_the_log(code, told):
    """PostgreSQL takes every code up to 125 for a file that is not there."""
    command = choosing.or_end(f"(exit {code})")
    assert subprocess.run(["sh", "-c", command], check=False).returncode == told


def test_another_clusters_repositories_are_read_by_a_configuration_of_their_own():
    """And what is fetched does not wait for what the host's own cluster archives."""
    own = MADE_UP(*["x"] * 2, "pg1", {}, (), None, 30, "/data", "/bin", 17, *["x"] * 3)
    other = MADE_UP(*["x"] * 2, "pg1", {}, (), None, 30, "/data", "/bin", 17, *["x"] * 3, folder="/etc/other")
    assert "--config" not in engine("pgbackrest").fetch(own)
    assert "--config=/etc/other/pgbackrest.conf --pg1-path=/data --lock-path=" in engine("pgbackrest").fetch(other)
