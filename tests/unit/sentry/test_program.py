# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentry, turn by turn, with an etcd that answers as the real one, and a disk that hangs when it is told to."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.filter.backup import backup_program
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.sentry import Sentry
from ansible_collections.matriarch.pgcluster.plugins.module_utils.sentry import program
from ansible_collections.matriarch.pgcluster.plugins.module_utils.sentry.store import SentryStore
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd_keys import FakeKeys

ROLES = Path(__file__).resolve().parents[3] / "roles"
SETTINGS = Sentry(
    cluster="shop",
    member="pg1",
    members={"pg1": "10.0.0.1", "pg2": "10.0.0.2", "pg3": "10.0.0.3"},
    etcd_urls=("https://10.0.0.1:2379", "https://10.0.0.2:2379"),
    patroni_port=8008,
    postgresql_port=5432,
    data_directory="/data",
    hung_seconds=5.0,
    ca_file="",
    certificate_file="",
    key_file="",
)
LEADER, SYNC, CONFIG = "/service/shop/leader", "/service/shop/sync", "/service/shop/config"


class World:
    """What the sentry meets: `hangs` is the disk, `fit` the standbys, `problem` what stands against the proof."""

    def __init__(self, etcd):
        self.etcd, self.now = etcd, 100.0
        self.hangs = self.strays = self.is_held = self.was_released = False
        self.is_stuck, self.last_moment = True, False
        self.postmaster: int | None = 4711
        self.fit = {True: frozenset({"pg2", "pg3"}), False: frozenset({"pg2", "pg3"})}
        self.problem = ""
        self.done: list[str] = []
        self.watch = self.watch_made()

    def watch_made(self):
        store = SentryStore([EtcdKeys(JsonHttp(url)) for url in self.etcd.urls], "shop")
        return program.Watch(SETTINGS, store, self, self, self.fit.__getitem__, lambda: self.now)

    def wait(self, seconds):
        self.now += seconds
        return self.last_moment if seconds == 0 else not self.hangs

    def holds(self, pid):
        assert pid == 4711
        return not self.strays

    @property
    def is_ended(self):
        return self.is_held or self.was_released

    def end(self):
        self.is_held = True
        self.done.append("end")
        return self.problem

    def release(self):
        self.is_held = self.was_released = False
        self.done.append("release")
        return ""

    def pass_seconds(self, seconds):
        end = self.now + seconds
        while self.now < end:
            self.watch.turn()


@pytest.fixture
def world():
    etcd = FakeKeys()
    etcd.write(LEADER, b"pg1")
    etcd.write(CONFIG, b"{}")
    etcd.write(SYNC, b'{"leader":"pg1","sync_standby":"pg2,pg3","quorum":1}')
    etcd.write("/service/shop/members/pg1", b"{}")
    etcd.write("/service/shop/members/pg2", b"{}")
    made = World(etcd)
    made.pass_seconds(2)
    yield made
    etcd.stop()


def test_a_leader_whose_disk_hangs_leads_no_more(world, capfd):
    world.hangs = True
    world.pass_seconds(4.5)
    assert (world.done, LEADER in world.etcd) == ([], True)
    world.pass_seconds(1)
    assert world.done == ["end"]
    assert (LEADER in world.etcd, "/service/shop/members/pg1" in world.etcd) == (False, False)
    assert "/service/shop/members/pg2" in world.etcd
    assert "PostgreSQL has ended for good, and this member leads no more" in capfd.readouterr().out


def test_it_is_done_once_and_undone_when_the_disk_is_back(world):
    world.hangs = True
    world.pass_seconds(10)
    world.etcd.write(LEADER, b"pg2")
    world.pass_seconds(30)
    assert world.done == ["end"]
    world.hangs = False
    world.pass_seconds(10)
    assert world.done == ["end", "release"]
    assert world.etcd[LEADER] == b"pg2"


def test_it_happens_again_another_time(world):
    world.hangs = True
    world.pass_seconds(10)
    world.hangs = False
    world.pass_seconds(1)
    world.etcd.write(LEADER, b"pg1")
    world.hangs = True
    world.pass_seconds(6)
    assert world.done == ["end", "release", "end"]
    assert LEADER not in world.etcd


def test_a_disk_that_is_slow_is_left_alone(world):
    for _write in range(5):
        world.hangs = True
        world.pass_seconds(4)
        world.hangs = False
        world.pass_seconds(0.25)
    assert world.done == []


def test_a_write_that_waits_for_the_processor_is_no_hung_disk(world):
    world.is_stuck, world.hangs = False, True
    world.pass_seconds(60)
    assert world.done == []


def test_a_disk_that_comes_back_at_the_last_moment_is_left_alone(world):
    world.hangs = world.last_moment = True
    world.pass_seconds(6)
    assert (world.done, world.etcd[LEADER]) == ([], b"pg1")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (CONFIG, b'{"pause":true}'),
        (CONFIG, b"nonsense"),
        (SYNC, b'{"leader":"pg1","sync_standby":null,"quorum":0}'),
        (LEADER, b"pg2"),
    ],
    ids=["paused", "nobody can tell", "asynchronous", "another one leads"],
)
def test_nothing_is_done_that_would_cost_something(world, key, value):
    world.etcd.write(key, value)
    world.hangs = True
    world.pass_seconds(60)
    assert (world.done, LEADER in world.etcd) == ([], True)


def test_without_standbys_nothing_is_done_until_they_are_there(world, capfd):
    world.fit[True] = frozenset({"pg2"})
    world.hangs = True
    world.pass_seconds(60)
    assert (world.done, LEADER in world.etcd) == ([], True)
    # Once, not once in a second.
    assert capfd.readouterr().out.count("too few are fit to take over") == 1
    world.fit[True] = frozenset({"pg2", "pg3"})
    world.pass_seconds(2)
    assert (world.done, LEADER in world.etcd) == (["end"], False)


def test_a_postgresql_that_lives_elsewhere_is_left_alone(world):
    world.strays = world.hangs = True
    world.pass_seconds(60)
    assert world.done == []


def started_anew(world):
    """On a disk that hangs already."""
    world.hangs = True
    world.watch = world.watch_made()


def test_one_that_is_started_while_the_disk_hangs_acts_as_any_other(world):
    started_anew(world)
    world.pass_seconds(6)
    assert (world.done, LEADER in world.etcd) == (["end"], False)


def test_one_that_is_started_while_the_disk_hangs_leaves_strays_alone(world):
    world.strays = True
    started_anew(world)
    world.pass_seconds(60)
    assert world.done == []


def test_where_nobody_knows_which_postgresql_runs_nothing_is_done(world, capfd):
    """Unless it was ended by one that knew."""
    world.postmaster = None
    started_anew(world)
    world.pass_seconds(60)
    assert (world.done, LEADER in world.etcd) == ([], True)
    assert "it is not known whether PostgreSQL runs in patroni.service" in capfd.readouterr().out
    world.is_held = True
    world.pass_seconds(2)
    assert (world.done, LEADER in world.etcd) == (["end"], False)


def test_without_etcd_nothing_is_done(world):
    world.etcd.refusals["/v3/kv/range"] = (14, 503, "etcdserver: no leader")
    world.hangs = True
    world.pass_seconds(60)
    assert world.done == []


def test_without_proof_nothing_is_given_up_and_it_is_tried_again(world, capfd):
    world.problem = "17 of patroni.service still may run"
    world.hangs = True
    world.pass_seconds(7)
    assert (set(world.done), LEADER in world.etcd) == ({"end"}, True)
    assert "is not proved: 17 of patroni.service" in capfd.readouterr().out
    # Nobody streams any more from a PostgreSQL that has, perhaps, ended.
    world.fit[True] = frozenset()
    world.problem = ""
    world.pass_seconds(2)
    assert LEADER not in world.etcd


def test_an_etcd_that_is_away_after_the_proof_is_asked_again(world):
    world.etcd.refusals["/v3/kv/txn"] = (14, 503, "etcdserver: no leader")
    world.hangs = True
    world.pass_seconds(7)
    assert ("end" in world.done, LEADER in world.etcd) == (True, True)
    world.etcd.refusals.clear()
    world.pass_seconds(2)
    assert LEADER not in world.etcd


def test_a_cluster_that_is_paused_meanwhile_keeps_its_leader(world):
    """Between the look and the transaction."""

    def pause(path):
        if path == "/v3/kv/txn" and world.etcd[CONFIG] == b"{}":
            world.etcd.write(CONFIG, b'{"pause":true}')

    world.etcd.before = pause
    world.hangs = True
    world.pass_seconds(20)
    assert ("end" in world.done, world.etcd[LEADER]) == (True, b"pg1")
    world.hangs = False
    world.pass_seconds(1)
    assert world.done[-1] == "release"


def test_one_that_is_started_anew_goes_on(world):
    """With a disk that still hangs, and the mark of the one before."""
    world.hangs = world.is_held = True
    world.fit[True] = frozenset()
    world.pass_seconds(1)
    assert (world.done, LEADER in world.etcd) == (["end"], False)


def test_one_that_is_started_after_the_disk_came_back_lets_patroni_start(world):
    world.is_held = True
    world.pass_seconds(1)
    assert world.done == ["release"]


def test_one_that_is_started_when_the_one_before_had_only_begun_with_that_starts_patroni(world):
    world.was_released = True
    world.pass_seconds(1)
    assert world.done == ["release"]


def test_if_the_disk_hangs_again_just_then_it_counts_from_the_begin(world):
    world.was_released = world.hangs = True
    world.pass_seconds(4)
    assert (world.done, world.etcd[LEADER]) == ([], b"pg1")


def test_etcd_of_this_host_is_asked_last():
    assert program.servers(SETTINGS) == ["https://10.0.0.2:2379", "https://10.0.0.1:2379"]


def test_the_others_are_asked_for_their_patroni():
    assert program.others(SETTINGS) == {"pg2": "https://10.0.0.2:8008", "pg3": "https://10.0.0.3:8008"}


def test_settings_as_the_role_writes_them(tmp_path):
    path = tmp_path / "sentry.json"
    path.write_text(json.dumps(dataclasses.asdict(SETTINGS)))
    assert Sentry.read(str(path)) == SETTINGS
    path.write_text("{}")
    with pytest.raises(MatriarchError, match="not complete"):
        Sentry.read(str(path))


def test_the_files_that_a_host_gets_are_all_that_it_needs(tmp_path):
    library = backup_program(str(tmp_path), "sentry/program.py")
    for directory in library["directories"]:
        Path(directory["path"]).mkdir(parents=True, exist_ok=True)
    for file in library["files"]:
        Path(file["path"]).write_text(file["content"])
    launcher = (ROLES / "patroni" / "files" / "matriarch-sentry").read_text()
    # Isolated from this environment, in which Ansible could be found.
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            launcher.replace("/usr/local/lib/matriarch", str(tmp_path)),
            "--settings",
            "/no",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    told = "matriarch-sentry: /no cannot be read: [Errno 2] No such file or directory: '/no'\n"
    assert (done.returncode, done.stderr) == (1, told)
