# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands against it is in plan/test_promotion.py, how it is seen in test_following.py; here they come together."""

from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.following import BEHIND, REPLAYED, Following
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.primary_site import ALIVE, SILENT, SiteHost
from ansible_collections.matriarch.pgcluster.plugins.modules import patroni_promote_cluster
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import FakePatroni, member
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import Reply


class World:
    """A standby cluster whose Patroni promotes its leader when it is told to, and what is seen of the other site."""

    def __init__(self) -> None:
        self.patroni = FakePatroni()
        self.patroni.members = [member("dr1", "standby_leader", state="in archive recovery"), member("dr2")]
        self.patroni.config["standby_cluster"] = {"restore_command": "x"}
        self.patroni.acts["PATCH", "/config"] = self.promote
        self.site, self.archive, self.obeys = SILENT, [REPLAYED], True

    def promote(self, patch):
        assert patch == {"standby_cluster": None}
        if self.obeys:
            self.patroni.members[0] = member("dr1", "leader")
        return Reply({})

    @property
    def recovers(self):
        return self.patroni.members[0]["role"] != "leader"

    def following(self, *_told):
        archive = self.archive.pop(0) if len(self.archive) > 1 else self.archive[0]
        return Following("0/5000000", archive, "", "2026-11-20T12:00:00Z", 20.0)


@pytest.fixture
def world(monkeypatch):
    world = World()

    class Instance:
        def __init__(self, *_where):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_about):
            return None

        def standing(self):
            return {"in_recovery": world.recovers}

    monkeypatch.setattr(patroni_promote_cluster, "Instance", Instance)
    monkeypatch.setattr(patroni_promote_cluster, "read_following", world.following)
    monkeypatch.setattr(
        patroni_promote_cluster, "look_at_site", lambda _params: (SiteHost("192.0.2.1", world.site, "seen"),)
    )
    yield world
    world.patroni.server.stop()


@pytest.fixture
def ask(world, run_module):
    return lambda **told: run_module(
        patroni_promote_cluster, urls=[world.patroni.url], primary_hosts=["192.0.2.1"], **told
    )


def test_predict_promote_then_find_nothing_to_do(world, ask):
    predicted = ask(check_mode=True)
    assert (predicted["changed"], predicted["refused"]) == (True, [])
    assert world.recovers
    done = ask()
    assert done["changed"]
    assert done["leader"] == "dr1"
    assert done["seconds"] >= 0
    assert not world.recovers
    again = ask()
    assert (again["changed"], again["seconds"], again["following"]) == (False, None, None)


@pytest.mark.parametrize(
    ("site", "archive", "words"),
    [(ALIVE, REPLAYED, "is alive (192.0.2.1: seen)"), (SILENT, BEHIND, "the archive has more")],
)
def test_refused(world, ask, site, archive, words):
    world.site, world.archive = site, [archive]
    predicted = ask(check_mode=True)
    assert any(words in reason for reason in predicted["refused"])
    answer = ask(replay_timeout=0)
    assert answer["failed"]
    assert answer["refused"]
    assert words in answer["msg"]
    assert world.recovers


def test_what_is_about_to_be_replayed_is_waited_for(world, ask, monkeypatch):
    world.archive = [BEHIND, REPLAYED]
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    assert ask(replay_timeout=30)["changed"]


def test_a_patroni_that_does_not_promote(world, ask):
    world.obeys = False
    answer = ask(wait_timeout=0)
    assert answer["failed"]
    assert "then run this again" in answer["msg"]
