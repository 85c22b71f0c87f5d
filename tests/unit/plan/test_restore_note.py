# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore keeps in etcd, and what etcd must forget."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import Delete, Put
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.restore_note import (
    NoteState,
    changes_of,
    forgetting,
    note_key,
)

WISH = {"target": "time:2026-12-01T02:00:00+00:00"}
OTHER = {"target": "latest"}
VALUES = {
    "initialize": "7", "config": "{}", "history": "[]", "leader": "pg1", "status": "{}", "sync": "{}", "failsafe": "{}",
    "members/pg1": "{}",
}  # fmt: skip


def state(note=None, **changed):
    return replace(NoteState(note_key("main"), "/service/main/", note, revision=5 if note else 0), **changed)


def touched(change):
    return {(type(each), each.key.removeprefix("/service/main/")) for each in change.operations}


def test_a_first_note():
    change = changes_of(state(), "noted", WISH, {"worker": "pg2"})
    assert change.note == {"wish": WISH, "worker": "pg2"}
    assert touched(change) == {(Put, "/matriarch/main/restore")}
    assert change.conditions[0].revision == 0
    assert change.replaced is None


def test_the_same_wish_goes_on():
    noted = {"wish": WISH, "worker": "pg2", "committed": True}
    assert changes_of(state(noted), "noted", WISH, {}).operations == ()
    more = changes_of(state(noted), "noted", {}, {"backed_up": True})
    assert more.note == {**noted, "backed_up": True}
    assert more.conditions[0].revision == 5


def test_another_wish_before_the_cluster_was_stopped_takes_its_place():
    noted = {"wish": OTHER, "worker": "pg2"}
    change = changes_of(state(noted), "noted", WISH, {"worker": "pg3"})
    assert (change.note, change.replaced) == ({"wish": WISH, "worker": "pg3"}, noted)


def test_another_wish_afterwards_is_refused():
    with pytest.raises(Refused, match="a restore to latest is half done"):
        changes_of(state({"wish": OTHER, "committed": True}), "noted", WISH, {})


def test_the_note_goes():
    assert touched(changes_of(state({"wish": WISH}), "absent", {}, {})) == {(Delete, "/matriarch/main/restore")}
    assert changes_of(state(), "absent", {}, {}).operations == []


STOPPED = {"wish": WISH, "committed": True}
QUIET = {name: value for name, value in VALUES.items() if name != "leader"}


class TestForgetting:
    def test_who_led_and_how_far_goes_and_what_was_declared_stays(self):
        change = forgetting(state(STOPPED, values=QUIET), "7")
        assert touched(change) == {
            (Put, "/matriarch/main/restore"),
            *((Delete, name) for name in ("status", "sync", "failsafe", "members/pg1")),
        }
        assert change.note == {**STOPPED, "forgotten": True}
        assert {(c.key, c.revision) for c in change.conditions} == {
            ("/matriarch/main/restore", 5),
            ("/service/main/leader", 0),
        }

    def test_another_clusters_data_brings_its_own_identity_and_timelines(self):
        change = forgetting(state(STOPPED, values=QUIET), "8")
        assert (Put, "initialize") in touched(change)
        assert (Delete, "history") in touched(change)
        assert (Delete, "config") not in touched(change)

    def test_once(self):
        assert forgetting(state({**STOPPED, "forgotten": True}, values=VALUES), "7").operations == ()

    @pytest.mark.parametrize(
        ("note", "values", "told"),
        [
            (None, QUIET, "no restore has stopped this cluster"),
            ({"wish": WISH}, QUIET, "no restore has stopped this cluster"),
            (STOPPED, VALUES, "pg1 leads, or led until a moment ago"),
        ],
    )
    def test_not_while_somebody_leads_or_nobody_said_so(self, note, values, told):
        with pytest.raises(Refused, match=told):
            forgetting(state(note, values=values), "7")


def test_names_of_clusters_do_not_meet():
    assert note_key("a/b") != note_key("a%2Fb")
