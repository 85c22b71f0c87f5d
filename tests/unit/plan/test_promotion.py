# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState, Member
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.following import (
    BEHIND,
    REPLAYED,
    SILENT,
    Following,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.primary_site import ALIVE, IDLE, SiteHost
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.primary_site import SILENT as NO_ANSWER
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.promotion import Accepted, refusals

LEADER = Member("dr1", "standby_leader", "in archive recovery", timeline=1)
CLUSTER = ClusterState("dr", (LEADER, Member("dr2", "replica", "streaming", timeline=1)))
DEAD = (SiteHost("192.0.2.1", NO_ANSWER, "no port answers"), SiteHost("192.0.2.2", IDLE, "nobody leads"))
LIVING = (*DEAD, SiteHost("192.0.2.3", ALIVE, "its PostgreSQL takes writes"))


def following(archive=REPLAYED, age=20.0, reason=""):
    return Following("0/5000000", archive, reason, "", age)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, []),
        ({"site": LIVING}, ["192.0.2.3: its PostgreSQL takes writes"]),
        ({"site": LIVING, "accepted": Accepted(living_primary=True)}, []),
        ({"following": following(BEHIND)}, ["the archive has more"]),
        ({"following": following(SILENT, reason="exit code 103")}, ["does not answer: exit code 103"]),
        ({"following": following(BEHIND), "accepted": Accepted(unreplayed=True)}, []),
        ({"following": following(age=901)}, ["901 s old, more than 900 s"]),
        ({"following": following(age=901), "accepted": Accepted(maximum_lag_seconds=1000)}, []),
        ({"following": following(age=None)}, ["no commit was replayed"]),
        ({"following": None}, ["reads no archive"]),
        ({"cluster": ClusterState("dr", ())}, ["nobody leads"]),
        ({"cluster": ClusterState("dr", (Member("dr1", "standby_leader", "starting"),))}, ["dr1 (standby_leader) is"]),
        ({"cluster": ClusterState("dr", (LEADER,), paused=True)}, ["is paused"]),
        ({"site": LIVING, "following": following(BEHIND, 9999)}, ["is alive", "would be lost", "9999 s old"]),
    ],
)
def test_what_stands_against_it(told, words):
    asked = {"cluster": CLUSTER, "following": following(), "site": DEAD, "accepted": Accepted(), **told}
    found = refusals(**asked)
    assert len(found) == len(words)
    assert all(word in reason for word, reason in zip(words, found, strict=True))
