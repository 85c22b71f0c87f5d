# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fencer, turn by turn, with an etcd that answers as the real one, and hosts that answer as they are told."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.filter.backup import backup_program
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fencing import (
    looking,
    program,
    proving,
    refusing,
    routes,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fencing.store import FencingStore
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fencing.suspecting import WORD_SECONDS
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.fencing import Fencing
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.fencing import LARGEST_PAUSE
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd_keys import FakeKeys

ROLES = Path(__file__).resolve().parents[3] / "roles"
MEMBERS = {"pg1": "10.0.0.1", "pg2": "10.0.0.2", "pg3": "10.0.0.3"}
SETTINGS = Fencing(
    cluster="shop",
    member="pg2",
    members=MEMBERS,
    etcd_urls=(),
    patroni_port=8008,
    postgresql_port=5432,
    command=("/bin/power-off",),
    command_seconds=30,
    suspect_seconds=2.0,
    route_seconds=20,
    ca_file="",
    certificate_file="",
    key_file="",
)
LEADER = "/service/shop/leader"
WORD = "/matriarch/shop/silent/{}"


class World:
    """What the fencer meets: `dark` are the places that do not answer, `disproof` is what the command comes to."""

    def __init__(self, monkeypatch, etcd):
        self.etcd, self.now = etcd, 100.0
        self.dark: set[tuple[str, int]] = set()
        self.disproof = ""
        self.run: list[str] = []
        self.routes: list[str] = []
        self.spoken: list[tuple[str, str]] = []
        self.heard = threading.Event()
        self.others_heed, self.order = True, []
        self.others_suspect = True
        monkeypatch.setattr(looking, "answering", self.answering)
        monkeypatch.setattr(proving, "disproof", self.prove)
        monkeypatch.setattr(routes, "close", self.routes.append)
        monkeypatch.setattr(routes, "open_all", lambda: self.routes.append("open"))
        monkeypatch.setattr(refusing, "speak_for", self.speak_for)
        monkeypatch.setattr(time, "sleep", self.sleep)
        self.store = FencingStore([EtcdKeys(JsonHttp(url)) for url in etcd.urls], "shop")
        self.fencer = program.Fencer(SETTINGS, self.store, self.store, lambda: self.now)

    def answering(self, places, seconds):
        found = set(places) - self.dark
        self.now += 0.0 if found else seconds
        return found

    def speak_for(self, address, own, _seconds, _tell):
        self.spoken.append((address, own))
        return self.heard

    def sleep(self, seconds):
        """The others hear of it meanwhile, where somebody listens."""
        self.now += seconds
        note = self.etcd.keys.get(b"/matriarch/shop/fenced")
        self.order.append("leads" if LEADER in self.etcd else "leads no more")
        if note and self.others_heed:
            self.etcd.write("/matriarch/shop/fenced/pg3", b"", note.lease)

    def prove(self, _command, host, _seconds):
        self.run.append(host)
        return self.disproof

    def darken(self, *names):
        self.dark |= {(MEMBERS[name], port) for name in names for port in (5432, 8008)}

    def turn(self):
        """One of the fencer, and as much of pg3's as it is told of."""
        leader = self.etcd.keys.get(LEADER.encode())
        if self.others_suspect and leader and (MEMBERS[leader.value.decode()], 5432) in self.dark:
            self.etcd.write(WORD.format("pg3"), leader.value)
        else:
            self.etcd.keys.pop(WORD.format("pg3").encode(), None)
        self.now += self.fencer.turn()

    def pass_seconds(self, seconds):
        end = self.now + seconds
        while self.now < end:
            self.turn()


@pytest.fixture
def world(monkeypatch):
    etcd = FakeKeys()
    etcd.write(LEADER, b"pg1")
    etcd.write("/service/shop/config", b"{}")
    yield World(monkeypatch, etcd)
    etcd.stop()


def test_a_silent_leader_with_proof_leads_no_more(world):
    world.pass_seconds(3)
    world.darken("pg1")
    world.pass_seconds(1.5)
    assert (world.run, LEADER in world.etcd) == ([], True)
    world.pass_seconds(1.5)
    assert world.run == ["pg1"]
    assert LEADER not in world.etcd
    assert world.routes == ["10.0.0.1"]


def test_everybody_has_heard_of_it_before_the_leader_leads_no_more(world):
    world.darken("pg1")
    world.pass_seconds(3)
    assert world.order == ["leads"]
    assert world.etcd["/matriarch/shop/fenced"] == b"pg1"
    assert world.spoken == [("10.0.0.1", "10.0.0.2")]


def test_who_does_not_heed_is_not_waited_for_long(world):
    world.others_heed = False
    world.darken("pg1")
    world.pass_seconds(3)
    assert LEADER not in world.etcd
    assert len(world.order) == pytest.approx(program.HEED_SECONDS / program.HEED_LOOK_SECONDS, abs=1)


def test_the_routes_are_open_at_once_where_the_host_is_heard_again(world):
    world.darken("pg1")
    world.pass_seconds(3)
    world.etcd.write(LEADER, b"pg3")
    world.pass_seconds(1)
    assert world.routes == ["10.0.0.1"]
    world.heard.set()
    world.pass_seconds(1)
    assert "/matriarch/shop/fenced" not in world.etcd
    assert world.routes == ["10.0.0.1", "open"]


def test_a_member_says_that_it_has_heard_of_it(world):
    lease = EtcdKeys(JsonHttp(world.etcd.urls[0])).grant_lease(20)
    world.etcd.write("/matriarch/shop/fenced", b"pg1", lease)
    world.pass_seconds(1)
    assert "/matriarch/shop/fenced/pg2" in world.etcd
    assert world.routes == ["10.0.0.1"]
    # It ends with the note, and so do the routes.
    world.etcd.pass_time(20)
    world.pass_seconds(1)
    assert "/matriarch/shop/fenced/pg2" not in world.etcd
    assert world.routes == ["10.0.0.1", "open"]


def test_while_another_one_is_at_it_nobody_looks(world, monkeypatch):
    """What it finds is to be heard of at once."""
    world.darken("pg1")
    world.pass_seconds(1)
    world.etcd.write("/matriarch/shop/fencing", b"pg3")
    world.pass_seconds(1.5)
    looks = []

    def look(places, _seconds):
        looks.append(places)
        return set()

    monkeypatch.setattr(looking, "answering", look)
    world.pass_seconds(1)
    assert (looks, world.run) == ([], [])


def test_etcd_is_not_asked_while_a_silence_grows(world):
    """It may have lost its own leader with that host, and would be waited for."""
    world.pass_seconds(3)
    world.darken("pg1")
    world.pass_seconds(0.3)
    asked = len(world.etcd.calls)
    world.pass_seconds(0.6)
    assert len(world.etcd.calls) == asked
    world.pass_seconds(1.5)
    assert LEADER not in world.etcd


def test_the_route_is_open_again_after_its_time(world):
    world.darken("pg1")
    world.pass_seconds(3)
    world.etcd.write(LEADER, b"pg3")
    world.pass_seconds(15)
    assert "open" not in world.routes
    # Even where etcd is late to forget the note.
    world.pass_seconds(8)
    assert world.routes == ["10.0.0.1", "open"]


def test_whoever_did_not_fence_closes_the_route_as_well(world):
    world.etcd.write("/matriarch/shop/fenced", b"pg1")
    world.pass_seconds(1)
    assert (world.run, world.routes) == ([], ["10.0.0.1"])


def test_a_host_that_was_fenced_itself_closes_nothing(world):
    world.etcd.write("/matriarch/shop/fenced", b"pg2")
    world.pass_seconds(1)
    assert world.routes == []


def test_without_proof_nothing_is_taken(world):
    world.disproof = "it ended with exit code 1"
    world.darken("pg1")
    world.pass_seconds(5)
    assert world.run == ["pg1"]
    assert world.etcd[LEADER] == b"pg1"
    assert world.routes == []


def test_it_is_tried_again_when_the_claim_is_over(world):
    world.disproof = "it ended with exit code 1"
    world.darken("pg1")
    world.pass_seconds(5)
    world.disproof = ""
    world.etcd.pass_time(SETTINGS.command_seconds + program.SPARE_SECONDS)
    # After a silence of its own: nobody has looked meanwhile.
    world.pass_seconds(1.5)
    assert world.run == ["pg1"]
    world.pass_seconds(1.5)
    assert world.run == ["pg1", "pg1"]
    assert LEADER not in world.etcd


@pytest.mark.parametrize("seconds", [0, 4])
def test_a_leader_that_comes_back_during_a_claim_in_vain_is_left_alone(world, seconds):
    """Its silence is old when the claim is over."""
    world.disproof = "it ended with exit code 1"
    world.darken("pg1")
    world.pass_seconds(3 + seconds)
    world.dark.clear()
    world.disproof = ""
    world.pass_seconds(5 - seconds)
    world.etcd.pass_time(SETTINGS.command_seconds + program.SPARE_SECONDS)
    world.pass_seconds(10)
    assert (world.run, world.etcd[LEADER]) == (["pg1"], b"pg1")


def darken_for_long(world):
    """Longer than the suspicion takes, before etcd can tell who leads."""
    world.etcd.refusals["/v3/kv/txn"] = (14, 503, "etcdserver: no leader")
    world.darken("pg1")
    world.pass_seconds(3)
    world.etcd.refusals.clear()


def test_so_it_is_for_whoever_has_not_fenced(world):
    world.pass_seconds(1)
    darken_for_long(world)
    world.etcd.write("/matriarch/shop/fencing", b"pg3")
    world.pass_seconds(2)
    world.dark.clear()
    world.pass_seconds(1)
    del world.etcd.keys[b"/matriarch/shop/fencing"]
    world.pass_seconds(10)
    assert (world.run, world.etcd[LEADER]) == ([], b"pg1")


@pytest.mark.parametrize("path", ["/v3/kv/txn", "/v3/lease/grant"], ids=["who leads", "the claim"])
@pytest.mark.parametrize("returns", [True, False])
def test_a_silence_is_old_when_etcd_was_slow(world, path, returns):
    """It elects a leader of its own, perhaps for the same reason."""
    world.pass_seconds(1)
    darken_for_long(world)

    def wait(asked):
        if asked == path and not world.run:
            world.now += LARGEST_PAUSE + 0.1
            world.dark = set() if returns else world.dark

    world.etcd.before = wait
    world.pass_seconds(10)
    world.etcd.before = lambda _path: None
    world.pass_seconds(10)
    assert world.run == ([] if returns else ["pg1"])


@pytest.mark.parametrize("port", [5432, 8008])
def test_one_sign_of_life_is_enough(world, port):
    world.dark = {(MEMBERS["pg1"], port)}
    world.pass_seconds(20)
    assert (world.run, LEADER in world.etcd) == ([], True)


def test_whoever_alone_hears_nothing_fences_nobody(world):
    world.others_suspect = False
    world.darken("pg1")
    world.pass_seconds(20)
    assert world.run == []
    assert world.etcd[WORD.format("pg2")] == b"pg1"
    world.others_suspect = True
    world.pass_seconds(1)
    assert world.run == ["pg1"]


def test_a_member_says_so_before_it_may_act(world):
    """So the first one that may does not wait for the others."""
    world.others_suspect = False
    world.pass_seconds(1)
    world.darken("pg1")
    world.pass_seconds(SETTINGS.suspect_seconds - 0.3)
    assert (world.etcd[WORD.format("pg2")], world.run) == (b"pg1", [])


def test_a_word_is_taken_back_when_the_leader_is_heard(world):
    world.others_suspect = False
    world.darken("pg1")
    world.pass_seconds(3)
    assert WORD.format("pg2") in world.etcd
    world.dark.clear()
    world.pass_seconds(1)
    assert WORD.format("pg2") not in world.etcd


def test_a_word_is_kept_up(world):
    world.others_suspect = False
    world.darken("pg1")
    world.pass_seconds(3)
    world.etcd.pass_time(WORD_SECONDS)
    assert WORD.format("pg2") not in world.etcd
    world.pass_seconds(1)
    assert WORD.format("pg2") in world.etcd


def test_a_word_about_an_earlier_leadership_counts_for_nothing(world):
    world.etcd.write(WORD.format("pg3"), b"pg1")
    world.etcd.write(LEADER, b"pg1")
    assert world.store.read().suspecting == {}
    world.etcd.write(WORD.format("pg3"), b"pg2")
    assert world.store.read().suspecting == {}
    world.etcd.write(WORD.format("pg3"), b"pg1")
    assert world.store.read().suspecting == {"pg3": 0}


@pytest.mark.parametrize("said", [False, True], ids=["nothing said", "said before"])
def test_a_member_that_was_cut_off_looks_again_before_anything_is_done(world, said):
    """The network comes back after a look and before etcd is asked: all that it has heard is its own silence."""
    world.others_suspect = False
    world.pass_seconds(1)
    world.darken("pg1")
    if said:
        world.pass_seconds(2.5)
    assert (WORD.format("pg2") in world.etcd) is said
    world.etcd.refusals["/v3/kv/txn"] = (14, 503, "etcdserver: no leader")
    for _turn in range(20):
        world.fencer.turn()
    # Somebody else, who was cut off as well, says the same.
    world.etcd.write(WORD.format("pg3"), b"pg1")
    world.etcd.before = lambda path: world.dark.clear() if path == "/v3/kv/txn" else None
    world.etcd.refusals.clear()
    for _turn in range(20):
        world.now += world.fencer.turn()
    assert world.run == []


def test_nobody_is_fenced_in_a_pause(world):
    world.etcd.write("/service/shop/config", b'{"pause": true}')
    world.darken("pg1")
    world.pass_seconds(20)
    assert world.run == []


def test_nobody_is_fenced_without_etcd(world):
    world.pass_seconds(1)
    world.etcd.refusals["/v3/kv/txn"] = (14, 503, "etcdserver: no leader")
    world.darken("pg1")
    world.pass_seconds(20)
    assert world.run == []
    # The silence has lasted long enough as soon as etcd can tell who leads, and one look more finds the same.
    world.etcd.refusals.clear()
    world.turn()
    assert world.run == []
    world.turn()
    assert world.run == ["pg1"]


def test_a_pause_that_begins_while_the_command_runs_keeps_the_leader(world, monkeypatch):
    def prove(_command, host, _seconds):
        world.run.append(host)
        world.etcd.write("/service/shop/config", b'{"pause": true}')
        return ""

    monkeypatch.setattr(proving, "disproof", prove)
    world.darken("pg1")
    world.pass_seconds(5)
    assert world.run == ["pg1"]
    assert world.etcd[LEADER] == b"pg1"


def test_the_leader_itself_looks_at_nobody(world):
    world.etcd.write(LEADER, b"pg2")
    world.darken("pg1", "pg2", "pg3")
    world.pass_seconds(20)
    assert world.run == []


def test_the_settings_come_from_a_file(tmp_path):
    path = tmp_path / "fencing.json"
    path.write_text(json.dumps(dataclasses.asdict(SETTINGS)))
    assert Fencing.read(str(path)) == SETTINGS
    path.write_text("{}")
    with pytest.raises(MatriarchError, match="not complete"):
        Fencing.read(str(path))


def test_settings_that_are_missing_end_it(tmp_path, capsys):
    assert program.main(["--settings", str(tmp_path / "none")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_the_files_that_a_host_gets_are_all_that_it_needs(tmp_path):
    library = backup_program(str(tmp_path), "fencing/program.py")
    for directory in library["directories"]:
        Path(directory["path"]).mkdir(parents=True, exist_ok=True)
    for file in library["files"]:
        Path(file["path"]).write_text(file["content"])
    launcher = (
        (ROLES / "fencing" / "files" / "matriarch-fencer")
        .read_text()
        .replace("/usr/local/lib/matriarch", str(tmp_path))
    )
    # Isolated from this environment, in which Ansible could be found.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", launcher, "--settings", "/does/not/exist"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        1,
        "matriarch-fencer: /does/not/exist cannot be read: [Errno 2] No such file or directory: '/does/not/exist'\n",
    )
