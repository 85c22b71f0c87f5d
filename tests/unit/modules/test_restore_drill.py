# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.proofs import Proofs
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import service, transient_unit
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.transient_unit import State
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.state import DrillState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import NobodyAnswered
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import DRILL, Proof, Trial
from ansible_collections.matriarch.pgcluster.plugins.modules import restore_drill
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.backups import settings

MEMBERS: list[dict[str, Any]] = [
    {"name": "db1", "role": "replica", "state": "streaming", "lag": 0},
    {"name": "db2", "role": "leader", "state": "running"},
]
PLAN = {"label": "F1", "problem": ""}


class World:
    """A host, its program, its unit, and the file in which the verdict comes to lie."""

    def __init__(self):
        self.members = MEMBERS
        self.program = (0, PLAN)
        self.looks = [State(True), State(True), State(False)]
        self.verdict = Trial(DRILL, "2999-01-01T00:00:00Z", "db1", facts={"rto_seconds": 3.0})
        self.began: list[str] = []
        self.asked: list[str] = []
        self.failed_at = "2999-01-01T00:00:00Z"

    def complete(self, argv, seconds):
        assert seconds > 60
        self.asked.append(argv[-1])
        code, told = self.program
        return SimpleNamespace(returncode=code, stdout=json.dumps(told))


@pytest.fixture
def world(monkeypatch):
    it = World()
    monkeypatch.setattr(Settings, "read", lambda _path: settings())
    monkeypatch.setattr(
        restore_drill, "ask_patroni", lambda _s: ClusterState.from_json({"members": it.members, "scope": "shop"})
    )
    monkeypatch.setattr(restore_drill, "complete", it.complete)
    monkeypatch.setattr(service, "begin", it.began.append)
    monkeypatch.setattr(transient_unit, "state", lambda _unit: it.looks.pop(0))
    monkeypatch.setattr(restore_drill, "wait_until", quick)
    monkeypatch.setattr(Proofs, "known_here", lambda _self: Proof().knowing(it.verdict) if it.verdict else Proof())
    monkeypatch.setattr(DrillState, "read", lambda: DrillState(failed_at=it.failed_at, failure="it was killed"))
    return it


def quick(probe, reached, seconds):
    last = probe()
    while not reached(last) and seconds > 1:
        last = probe()
    return SimpleNamespace(reached=reached(last), last=last, seconds=seconds)


@pytest.fixture
def drill(run_module):
    return lambda **told: run_module(restore_drill, **told)


def test_the_unit_does_it_and_its_verdict_is_told(world, drill):
    answer = drill()
    assert (answer["changed"], answer["member"], answer["plan"]) == (False, "db1", PLAN)
    assert answer["drill"]["good"] is True
    assert world.began == ["matriarch-drill@now"]


def test_a_bad_verdict_is_an_answer(world, drill):
    world.verdict = Trial(DRILL, "2999-01-01T00:00:00Z", "db1", problems=("the canary is not there",))
    assert drill()["drill"]["problems"] == ["the canary is not there"]


def test_check_mode_foresees_it(world, drill):
    answer = drill(check_mode=True)
    assert (answer["plan"], answer["drill"], world.began) == (PLAN, None, [])


def test_another_member_does_it(world, drill):
    world.members = [{**MEMBERS[0], "name": "db0"}, *MEMBERS]
    assert drill() | {"member": "db0", "plan": None, "drill": None} == drill()
    assert world.asked == []


def test_the_leader_only_when_told(world, drill):
    world.members = [{"name": "db1", "role": "leader", "state": "running"}]
    assert "-e even_on_leader=true" in drill()["msg"]
    assert drill(even_on_leader=True)["drill"]["good"]
    assert world.began == ["matriarch-drill@even-on-leader"]
    assert world.asked == ["foreseen-even-on-leader"]


@pytest.mark.parametrize(("wished", "words"), [("db9", "db9 is no member"), ("db2", "db2 is there that streams")])
def test_who_cannot(world, drill, wished, words):
    assert words in drill(member=wished)["msg"]
    assert world.began == []


def test_what_is_refused_is_not_begun(world, drill):
    world.program = (1, {"error": "/data has 1 MiB free", "busy": False})
    answer = drill()
    assert (answer["failed"], answer["refused"], answer["msg"]) == (True, True, "/data has 1 MiB free")
    assert world.began == []


@pytest.mark.parametrize("verdict", [None, Trial(DRILL, "2001-01-01T00:00:00Z", "db1")])
def test_without_a_new_verdict_it_has_failed(world, drill, verdict):
    world.verdict = verdict
    assert (
        "the drill came to no verdict: it was killed. Next: journalctl -u matriarch-drill@now, on db1" in drill()["msg"]
    )


def test_an_older_failure_is_not_taken_for_this_one(world, drill):
    world.verdict, world.failed_at = None, "2001-01-01T00:00:00Z"
    world.looks[-1] = State(False, 1, "exit-code")
    assert "no verdict: matriarch-drill@now ended with exit-code" in drill()["msg"]


def test_it_goes_on_without_the_playbook(world, drill):
    assert "goes on" in drill(wait_timeout=1)["msg"]


def test_nobody_answers(world, drill, monkeypatch):
    def silent(_settings):
        raise NobodyAnswered({"https://db1:8008": "refused"})

    monkeypatch.setattr(restore_drill, "ask_patroni", silent)
    assert "https://db1:8008: refused" in drill()["msg"]
