# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recovery, stage by stage: taken for done only by PostgreSQL's own word, and gone on with from anywhere."""

from __future__ import annotations

import getpass

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import data_folder, transient_unit
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.private_instance import Setup
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.recovery import parse_target
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.restore_mark import RestoreMark
from ansible_collections.matriarch.pgcluster.plugins.module_utils.restore import recovering
from ansible_collections.matriarch.pgcluster.plugins.module_utils.restore.recovering import Recovering
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.recovery import (
    AT_TARGET,
    ON_THE_WAY,
    PRIMARY,
    FakeRecovery,
    Scene,
)

TIME = "time:2026-12-01T02:00:00+00:00"
ARRIVED = "LOG:  recovery stopping before commit of transaction 746, time 2026-12-01 02:00:01+00\n"
LOW = (
    "WARNING:  hot standby is not possible because of insufficient parameter settings\n"
    "DETAIL:  max_connections = 100 is a lower setting than on the primary server, where its value was 300.\n"
)


@pytest.fixture
def world(tmp_path, monkeypatch):
    folder = tmp_path / "main.restore-20261201T020000Z"
    (folder / "global").mkdir(parents=True)
    (folder / "global" / "pg_control").touch()
    (folder / "postgresql.auto.conf").write_text("work_mem = '9MB'\nrestore_command = 'x'\nrecovery_target_xid = '9'\n")
    fake = FakeRecovery(folder, tmp_path / "log")
    for name in ("state", "start", "stop"):
        monkeypatch.setattr(transient_unit, name, getattr(fake, name))
    monkeypatch.setattr(recovering, "PrivateInstance", fake.instance)
    monkeypatch.setattr(recovering, "make_owned", lambda folder, _owner: folder.mkdir(exist_ok=True))
    return fake


def work(world, told=TIME, stage="copied", at_least=""):
    target = parse_target(told)
    if data_folder.read_mark(world.folder) is None:
        data_folder.write_mark(world.folder, RestoreMark("20261201T020000Z", target.told, stage))
    setup = Setup(
        world.programs,
        world.folder,
        world.folder.parent / "run",
        5432,
        {**target.settings, "restore_command": "get %f"},
    )
    return Recovering(setup, target, getpass.getuser(), "unit", str(world.log), at_least)


def test_the_target_is_reached(world):
    world.script = [Scene(), Scene(standing=ON_THE_WAY), Scene(ARRIVED, AT_TARGET)]
    it = work(world)
    it.recover(5)
    assert it.mark.stage == "recovered"
    assert it.mark.evidence["words"].startswith("recovery stopping before commit of transaction 746")
    assert it.mark.evidence["last_commit"] == "2026-12-01T01:59:58.000000+00:00"
    assert (world.folder / "recovery.signal").exists()
    it.recover(5)
    assert len(world.commands) == 1


def test_nobody_reaches_it_and_nothing_is_archived(world):
    world.script = [Scene(ARRIVED, AT_TARGET)]
    work(world).recover(5)
    told = world.parameters()
    assert (told["listen_addresses"], told["archive_command"], told["archive_mode"]) == ("", "", "on")
    assert told["recovery_target_time"] == "2026-12-01T02:00:00+00:00"
    assert told["restore_command"] == "get %f"
    assert (world.folder / "postgresql.auto.conf").read_text() == "work_mem = '9MB'\n"


def test_a_pause_is_not_the_target(world):
    """PostgreSQL also pauses where parameters are too low for the log: they are raised, and it goes on."""
    world.script = [Scene(LOW, AT_TARGET), Scene(ARRIVED, AT_TARGET)]
    work(world).recover(5)
    assert [world.parameters(number)["max_connections"] for number in (0, 1)] == ["100", "300"]


def test_parameters_that_never_suffice(world):
    world.script = [Scene(LOW, AT_TARGET) for _time in range(9)]
    with pytest.raises(RemoteError, match="asked for other parameters 5 times"):
        work(world).recover(5)


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ("FATAL:  recovery ended before configured recovery target was reached\n", "the archived log ends before it"),
        ("FATAL:  requested timeline 9 is not a child of this server's history\n", "requested timeline 9"),
        ("", "it ended without a word"),
    ],
)
def test_a_target_that_is_not_there(world, log, told):
    world.script = [Scene(standing=ON_THE_WAY), Scene(log, runs=False)]
    it = work(world)
    with pytest.raises(RemoteError, match=told) as refused:
        it.recover(5)
    assert "The cluster was not touched" in str(refused.value)
    assert it.mark.stage == "copied"


def test_it_takes_longer_than_anybody_waits(world):
    world.script = [Scene(standing=ON_THE_WAY)]
    with pytest.raises(DeadlineExceeded, match="the replay goes on, at 0/4000060"):
        work(world).recover(0)
    assert world.runs


class TestLatest:
    END = "LOG:  archive recovery complete\n"

    def test_the_end_of_the_log(self, world):
        world.script = [Scene(standing=ON_THE_WAY), Scene(self.END, PRIMARY)]
        it = work(world, "latest", at_least="0/5000000")
        it.recover(5)
        assert it.mark.evidence["words"] == "the end of the archived log"

    def test_a_repository_that_failed_in_the_middle_is_not_the_end(self, world):
        world.script = [Scene(self.END, PRIMARY)]
        it = work(world, "latest", at_least="0/6000000")
        with pytest.raises(RemoteError, match="the repository has log beyond 0/6000000"):
            it.recover(5)
        assert (it.mark.stage, world.runs) == ("copied", False)


class TestPromotion:
    def test_a_timeline_begins_and_all_is_on_disk(self, world):
        world.script = [Scene(ARRIVED, AT_TARGET)]
        it = work(world)
        it.promote(5, above=3)
        assert (it.mark.stage, it.mark.evidence["timeline"]) == ("promoted", 4)
        assert world.asked == ["promote", "checkpoint"]
        assert not world.runs
        it.promote(5, above=3)
        assert world.asked == ["promote", "checkpoint"]

    def test_the_host_was_rebooted_at_the_target(self, world):
        """It replays again, and stops at the same place."""
        world.script = [Scene(ARRIVED, AT_TARGET)]
        it = work(world)
        it.recover(5)
        world.stop("unit")
        world.script = [Scene(standing=ON_THE_WAY), Scene(ARRIVED, AT_TARGET)]
        it.promote(5, above=3)
        assert it.mark.stage == "promoted"
        assert len(world.commands) == 2

    @pytest.mark.parametrize("is_stopped", [True, False])
    def test_the_run_died_after_the_promotion(self, world, is_stopped):
        world.script = [Scene(ARRIVED, AT_TARGET)]
        it = work(world)
        it.recover(5)
        world.standing = PRIMARY
        (world.folder / "recovery.signal").unlink()
        if is_stopped:
            world.stop("unit")
        it.promote(5, above=3)
        assert it.mark.stage == "promoted"
        assert world.asked == ([] if is_stopped else ["checkpoint"])

    def test_a_timeline_that_was_used_is_refused(self, world):
        world.script = [Scene(ARRIVED, AT_TARGET)]
        it = work(world)
        with pytest.raises(MatriarchError, match="on timeline 4, but the cluster has used those up to 4"):
            it.promote(5, above=4)
        assert it.mark.stage == "recovered"

    def test_it_is_not_promoted(self, world):
        world.script, world.promotes = [Scene(ARRIVED, AT_TARGET)], False
        with pytest.raises(DeadlineExceeded, match="was not promoted"):
            work(world).promote(5, above=3)

    def test_it_did_not_stop_in_order(self, world):
        world.script, world.state_when_stopped = [Scene(ARRIVED, AT_TARGET)], "in production"
        it = work(world)
        with pytest.raises(RemoteError, match="did not stop in order: in production"):
            it.promote(5, above=3)
        assert it.mark.stage == "recovered"
