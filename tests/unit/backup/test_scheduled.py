# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member's timer does each minute: it makes what is due, or says why not, and fails for that reason only."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import run
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.state import State
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, NobodyAnswered
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import shown
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.backups import NOON, S3, backup, catalog, settings

LEADER = {"name": "db1", "role": "leader", "state": "running", "host": "192.0.2.1", "timeline": 1}
REPLICA = {"name": "db2", "role": "replica", "state": "streaming", "host": "192.0.2.2", "timeline": 1, "lag": 0}


@pytest.fixture
def made(monkeypatch) -> list[str]:
    """No repository holds a backup, no member has noted anything; the kinds of backups that are made."""
    kinds: list[str] = []

    def take(_settings, kind, _repository, only_if):
        assert only_if(catalog())
        kinds.append(kind)
        return run.Done(backup("20261120-120000F", NOON))

    monkeypatch.setattr(State, "read", State)
    monkeypatch.setattr(State, "write", lambda _state: None)
    monkeypatch.setattr(run, "look", lambda *_told: catalog())
    monkeypatch.setattr(run, "take", take)
    return kinds


def cluster_of(monkeypatch, *members) -> None:
    monkeypatch.setattr(run, "ask_patroni", lambda _settings: ClusterState.from_json({"members": list(members)}))


def at_noon(member: str = "db2") -> list[run.Done]:
    return run.scheduled(settings(member=member), NOON)


def test_the_standby_makes_the_first_one(monkeypatch, made):
    cluster_of(monkeypatch, LEADER, REPLICA)
    assert [done.backup.label for done in at_noon() if done.backup] == ["20261120-120000F"]
    assert made == ["full"]


def test_the_leader_waits_for_it(monkeypatch, made):
    cluster_of(monkeypatch, LEADER, REPLICA)
    assert at_noon("db1") == []
    assert made == []


def test_while_nobody_leads_it_stays_due(monkeypatch, made):
    cluster_of(monkeypatch, REPLICA)
    assert [done.reason for done in at_noon()] == [run.NO_LEADER]
    assert made == []


def test_while_no_patroni_answers_it_stays_due(monkeypatch, made):
    def silence(_settings):
        raise NobodyAnswered({"https://192.0.2.1:8008": "connection refused"})

    monkeypatch.setattr(run, "ask_patroni", silence)
    (done,) = at_noon()
    assert "connection refused" in done.reason
    assert made == []


def test_a_repository_that_fails_keeps_no_other_one_from_its_backup(monkeypatch, made):
    written: list[State] = []

    def take(_settings, kind, repository, only_if):
        if repository == 1:
            raise MatriarchError("no room")
        made.append(kind)
        return run.Done(backup("20261120-120000F", NOON, repository=2))

    def write(state):
        written.append(state)

    monkeypatch.setattr(run, "take", take)
    monkeypatch.setattr(State, "write", write)
    cluster_of(monkeypatch, LEADER, REPLICA)
    with pytest.raises(MatriarchError, match="no room"):
        run.scheduled(settings(member="db2", repositories=[S3, {**S3, "path": "/other"}]), NOON)
    assert made == ["full"]
    assert "no room" in written[-1].failure


@pytest.mark.parametrize(("ago", "asked"), [(timedelta(minutes=1), False), (timedelta(minutes=6), True)])
def test_after_a_failure_it_rests(monkeypatch, made, ago: timedelta, asked: bool):
    attempted: datetime = NOON - ago
    monkeypatch.setattr(State, "read", lambda: State(failure="no room", attempted_at=shown(attempted)))
    cluster_of(monkeypatch, LEADER, REPLICA)
    assert bool(at_noon()) is asked


@pytest.mark.parametrize(
    ("place", "moved", "missing", "asked"),
    [
        ("same", timedelta(days=1), "", False),
        ("same", timedelta(minutes=14), "", True),
        ("other", timedelta(days=1), "", True),
        ("same", timedelta(days=1), "000000010000000000000006", True),
    ],
    ids=["as ever", "just changed", "changed now", "missing WAL, which may have come"],
)
def test_it_looks_again_until_all_is_settled(
    monkeypatch, made, place: str, moved: timedelta, missing: str, asked: bool
):
    """All backups that should be there are there, as far as the last look told."""
    looks = []

    def look(*_told):
        looks.append("a look")
        return catalog([backup("F", NOON)])

    known = State(checked_at=shown(NOON), place=settings().place if place == "same" else place, missing=missing)
    fresh = replace(known, moved_at=shown(NOON - moved), newest={"1": {"started": shown(NOON)}})
    monkeypatch.setattr(State, "read", lambda: fresh)
    monkeypatch.setattr(run, "look", look)
    cluster_of(monkeypatch, LEADER, REPLICA)
    assert at_noon() == []
    assert bool(looks) is asked
