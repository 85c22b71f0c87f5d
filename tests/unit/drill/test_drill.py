# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drill: its plan, its verdict, and what is left of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import proofs
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.lock import BackupLock, Busy
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill import place as places
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill import run
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.planning import plan
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.state import DrillState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.watch import GivenUp, Watch
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, Refused, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import shown
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import DRILL, Proof, Trial
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.backups import NOON, backup, catalog, settings, wal
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.drills import FakeDrill, canaries
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd_keys import FakeKey, FakeKeys

MEMBERS: list[dict[str, Any]] = [
    {"name": "db1", "role": "replica", "state": "streaming", "lag": 0},
    {"name": "db2", "role": "leader", "state": "running"},
    {"name": "db3", "role": "replica", "state": "streaming", "lag": 0},
]
WHERE = "s3://b/shop at s3.example"


class World:
    """One host, db1, with what is declared there, an etcd, and everything that a drill meets."""

    def __init__(self, folder, etcd, drill):
        self.folder, self.etcd, self.drill = folder, etcd, drill
        self.members = MEMBERS
        self.declared = {
            "data_directory": str(folder / "17" / "main"),
            "drill": {"interval_hours": 24, "offset_hours": 3},
        }

    @property
    def settings(self):
        return settings(**self.declared)

    @property
    def place(self):
        return places.Place(self.settings)

    @property
    def proof(self):
        return run._proofs(self.settings).known_here()

    @property
    def left(self):
        return [each.name for each in (self.folder / "17").iterdir()]


@pytest.fixture
def world(tmp_path, monkeypatch):
    (tmp_path / "17" / "main").mkdir(parents=True)
    etcd, drill = FakeKeys(), FakeDrill()
    it = World(tmp_path, etcd, drill)
    drill.install(monkeypatch)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setattr(places.Place.__init__, "__defaults__", (str(tmp_path / "lock"),))
    for method in (vars(DrillState)["read"].__func__, DrillState.write):
        monkeypatch.setattr(method, "__defaults__", (str(tmp_path / "drill.json"),))
    monkeypatch.setattr(proofs.Proofs.__init__, "__defaults__", (str(tmp_path / "proof.json"),))
    monkeypatch.setattr(places.Place, "room", lambda _self: (2**50, 2**50))
    monkeypatch.setattr(run, "_etcd", lambda _settings: [EtcdKeys(JsonHttp(url)) for url in etcd.urls])
    monkeypatch.setattr(run, "ask_patroni", lambda _s: ClusterState.from_json({"members": it.members, "scope": "shop"}))
    yield it
    etcd.stop()


def demanded(world, **told):
    return run.demanded(world.settings, **told)


class TestPlan:
    def test_the_newest_backup_and_a_canary_that_its_log_must_hold(self, world):
        planned = plan(world.settings, world.place, Proof())
        assert (planned.label, planned.backup.label, planned.canary.number) == (WHERE, "F1", 7)
        assert planned.choice["restore_command"].startswith(f"get --path={world.folder}/17/main.drill/data --spool=")
        assert planned.choice["restore_command"].split(";")[0].endswith("--repo=1")
        assert planned.told()["size_bytes"] == 100

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"held": catalog()}, "there is no backup in s3://b/shop"),
            ({"written": ()}, "no log yet in which a canary must be"),
            ({"written": canaries(8, 9)}, "no log yet in which a canary must be"),
        ],
    )
    def test_it_is_refused(self, world, change, words):
        vars(world.drill).update(change)
        with pytest.raises(Refused, match=words):
            plan(world.settings, world.place, Proof())

    def test_a_repository_that_cannot_be_read_is_no_verdict(self, world):
        world.drill.held = catalog(problems={1: "repository 1: no route"})
        with pytest.raises(RemoteError, match="no route"):
            plan(world.settings, world.place, Proof())

    def test_without_room_nothing_begins(self, world, monkeypatch):
        monkeypatch.setattr(places.Place, "room", lambda _self: (2**20, 2**50))
        with pytest.raises(Refused, match=r"has 1\.0 MiB free"):
            demanded(world)
        assert world.drill.did == []

    def test_tablespaces(self, world):
        (world.folder / "17" / "main" / "pg_tblspc" / "16384").mkdir(parents=True)
        with pytest.raises(Refused, match="tablespaces"):
            demanded(world)


class TestVerdict:
    def test_good(self, world):
        trial = demanded(world)
        assert (trial.good, trial.member, trial.repositories) == (True, "db1", (WHERE,))
        assert world.drill.did == ["restore", "recover to latest", "amcheck", "checksums"]
        assert {"fetch_seconds", "replay_seconds", "check_seconds", "rto_seconds"} <= set(trial.facts)
        assert trial.facts["rpo_seconds"] == pytest.approx(0, abs=5)
        assert trial.facts["checksums"] is True

    @pytest.mark.parametrize(
        ("change", "words", "did"),
        [
            ({"fetching": MatriarchError("pgbackrest restore: corrupt")}, "pgbackrest restore: corrupt", 1),
            ({"replaying": RemoteError("latest: x", reason="x")}, "the log could not be replayed to its end: x", 2),
            ({"found": canaries(5, 6)}, "the canary 7, written at ", 4),
            ({"found": ()}, "the canary 7, written at ", 4),
            ({"corrupt": ["indexes are corrupt: x"]}, "indexes are corrupt: x", 4),
            ({"pages": ["pages are corrupt: x"]}, "pages are corrupt: x", 4),
            ({"held": catalog([backup("F1", NOON)], wal(1, [4, 5, 7, 8]))}, "is missing", 0),
            (
                {
                    "held": catalog(
                        [backup("F0", NOON - timedelta(days=1)), backup("F1", NOON, faulty=True)], wal(1, range(4, 9))
                    )
                },
                "F1",
                0,
            ),
        ],
        ids=["fetch", "replay", "canary", "no canary", "index", "page", "gap", "faulty"],
    )
    def test_bad(self, world, change, words, did):
        vars(world.drill).update(change)
        trial = demanded(world)
        assert not trial.good
        assert words in trial.problems[0]
        assert len(world.drill.did) == did
        assert world.proof.drill == trial
        assert world.left == ["main"]

    def test_what_postgresql_said_is_told_for_its_log_goes(self, world):
        world.drill.replaying = RemoteError("see the log", reason="it ended")
        world.drill.log = "LOG:  starting\nERROR: [029]: corrupt\n\n         FATAL:  could not restore\n"
        words = "the log could not be replayed to its end: ERROR: [029]: corrupt / FATAL: could not restore"
        assert demanded(world).problems == (words,)

    def test_data_without_checksums_is_said_and_not_bad(self, world):
        world.drill.has_checksums = False
        trial = demanded(world)
        assert (trial.good, trial.facts["checksums"]) == (True, False)

    def test_it_is_kept_for_everybody_and_nothing_else_is_left(self, world):
        trial = demanded(world)
        assert world.proof.good_drill == trial
        assert Proof.from_text(world.etcd.keys[b"/matriarch/shop/proof"].value).drill == trial
        assert world.left == ["main"]
        assert set(world.etcd.keys) == {b"/matriarch/shop/proof"}
        assert DrillState.read() == DrillState()


class TestAlone:
    def test_the_leader_serves(self, world):
        world.members = [{**m, "role": "leader" if m["name"] == "db1" else "replica"} for m in MEMBERS]
        with pytest.raises(Refused, match="db1 leads"):
            demanded(world)
        assert demanded(world, even_on_leader=True).good

    def test_who_does_not_stream_has_enough_to_do(self, world):
        world.members = [{"name": "db1", "role": "replica", "state": "stopped", "lag": "unknown"}, *MEMBERS[1:]]
        with pytest.raises(Refused, match="does not stream"):
            demanded(world)

    def test_another_member_is_at_it(self, world):
        with (
            BackupLock(run._etcd(world.settings), "shop", {"member": "db3"}, work="drill"),
            pytest.raises(Busy, match=r"a drill runs: .*db3"),
        ):
            demanded(world)
        assert DrillState.read().failure == ""

    def test_a_backup_may_run(self, world):
        with BackupLock(run._etcd(world.settings), "shop", {"member": "db3"}):
            assert demanded(world).good


class TestInterrupted:
    def test_what_a_dead_one_left_goes_and_is_told(self, world):
        world.place.make()
        DrillState(running_since="2026-11-20T03:00:00Z").write()
        run.sweep(world.settings)
        assert world.left == ["main"]
        assert DrillState.read().failure == "the drill that began at 2026-11-20T03:00:00Z was ended before its verdict"

    def test_nobody_waits_for_its_lock(self, world):
        DrillState(running_since="2026-11-20T03:00:00Z").write()
        world.etcd.keys[b"/matriarch/shop/drill"] = FakeKey(b'{"member": "db1"}', 1, 1)
        assert demanded(world).good

    def test_another_members_lock_is_left_alone(self, world):
        DrillState(running_since="2026-11-20T03:00:00Z").write()
        world.etcd.keys[b"/matriarch/shop/drill"] = FakeKey(b'{"member": "db3"}', 1, 1)
        with pytest.raises(Busy, match="db3"):
            demanded(world)

    def test_the_next_one_makes_up_for_it(self, world):
        world.place.make()
        DrillState(running_since="2026-11-20T03:00:00Z").write()
        assert demanded(world).good
        assert DrillState.read() == DrillState()

    def test_what_was_given_up_is_no_verdict(self, world, monkeypatch):
        monkeypatch.setattr(run, "_disk_is_full", lambda _place: lambda: "no room")
        monkeypatch.setattr(run, "Watch", lambda looks: Watch(looks, interval=0.001))

        def fetch(_argv, given_up):
            assert given_up.wait(5)
            raise MatriarchError("terminated")

        monkeypatch.setattr("ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.command.work", fetch)
        with pytest.raises(GivenUp, match="no room"):
            demanded(world)
        assert world.proof == Proof()
        assert world.left == ["main"]
        assert DrillState.read().failure == "no room"


class TestScheduled:
    NOW = datetime.now(UTC)

    def scheduled(self, world, **later):
        return run.scheduled(world.settings, self.NOW + timedelta(**later))

    def test_the_first_one_is_made_at_once(self, world):
        assert self.scheduled(world).good
        assert self.scheduled(world) is None

    def test_where_none_is_declared_none_is_made(self, world):
        world.declared["drill"] = {}
        assert self.scheduled(world) is None
        assert world.drill.did == []

    def test_the_next_in_line_waits_for_the_first(self, world):
        world.declared["member"] = "db3"
        assert self.scheduled(world) is None
        assert self.scheduled(world, minutes=14) is None
        assert self.scheduled(world, minutes=15).member == "db3"

    def test_what_another_member_has_made_is_known(self, world):
        made = Trial(DRILL, shown(self.NOW), "db3", (WHERE,))
        proofs.Proofs(run._etcd(world.settings), "shop", str(world.folder / "db3")).add(made)
        assert self.scheduled(world) is None
        assert world.proof.drill == made

    def test_after_one_that_came_to_no_verdict_it_rests(self, world):
        world.drill.held = catalog(problems={1: "no route"})
        with pytest.raises(RemoteError):
            self.scheduled(world)
        world.drill.held = FakeDrill().held
        assert self.scheduled(world, minutes=58) is None
        assert self.scheduled(world, minutes=62).good

    def test_after_a_refusal_it_does_not(self, world):
        world.drill.written = ()
        with pytest.raises(Refused):
            self.scheduled(world)
        assert "no log yet" in DrillState.read().failure
        world.drill.written = FakeDrill().written
        assert self.scheduled(world, minutes=10).good

    def test_while_one_runs_on_this_host_it_is_silent(self, world):
        with world.place.alone():
            assert self.scheduled(world) is None


def test_foreseen_it_leaves_nothing(world):
    assert run.foreseen(world.settings).backup.label == "F1"
    assert (world.drill.did, world.left, set(world.etcd.keys)) == ([], ["main"], set())
