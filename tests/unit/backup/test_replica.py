# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A member's data out of the repository, of an engine that does what it is told."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import command, replica
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys, Put
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, Refused, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState, Member
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import SEGMENT_BYTES, Fork, Segment
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.replica_source import AUTO, REPOSITORY
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.backups import NOON, backup, catalog, settings, wal
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd_keys import FakeKeys

RESTORE = """
[ -e {folder}/broken ] && exit 1
echo restored >> {to}/data
mkdir -p {to}/global {to}/pg_wal
touch {to}/global/pg_control {to}/patroni.dynamic.json {to}/recovery.signal {to}/pg_wal/stale
printf "restore_command = 'x'\\nwork_mem = '4MB'\\n" > {to}/postgresql.auto.conf
"""


class FakeEngine:
    """Restores by a shell script, and has the files of an archive folder."""

    kinds = ()

    def __init__(self, folder: Path) -> None:
        self.folder, self.held = folder, catalog()
        self.wishes: list[object] = []
        (folder / "archive").mkdir()

    def catalog(self, _settings, _call):
        return self.held

    def restore(self, _settings, wish):
        self.wishes.append(wish)
        return ["/bin/sh", "-c", RESTORE.format(folder=self.folder, to=wish.data_directory)]

    def fetch(self, _settings):
        return f'test -e {self.folder}/archive/%f || exit 1; cp {self.folder}/archive/%f "%p"'

    def archives(self, *names):
        for name in names:
            (self.folder / "archive" / name).write_text(name)


@pytest.fixture
def engine(tmp_path, monkeypatch):
    fake = FakeEngine(tmp_path)
    fake.held = catalog(
        [backup("a", NOON)], [*wal(1, [4, 5, 6]), *wal(2, [6, 7])], {2: (Fork(1, 6 * SEGMENT_BYTES + 9),)}
    )
    fake.archives(
        "00000002.history", *(f"{tl:08X}{0:08X}{n:08X}" for tl, n in ((1, 4), (1, 5), (1, 6), (2, 6), (2, 7)))
    )
    cluster = ClusterState("shop", (Member("db1", "leader", "running", timeline=2),))
    monkeypatch.setattr(replica, "engine", lambda _name: fake)
    monkeypatch.setattr(replica, "ask_patroni", lambda _settings: cluster)
    monkeypatch.setattr(replica, "servers", lambda _settings, _urls: [])
    monkeypatch.setattr(command, "as_postgres", lambda argv: argv)
    monkeypatch.setattr(replica, "MARGIN", 0)
    monkeypatch.setattr(replica, "control_data", lambda _programs, data: (data / "global" / "pg_control").exists())
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    return fake


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def make(data, wish=REPOSITORY):
    return replica.make_replica(settings(data_directory=str(data)), wish)


def beside(data):
    return data.with_name("data.replica")


def test_the_backup_and_its_wal(engine, data):
    assert "5 files of WAL came along" in make(data)
    names = {path.name for path in (data / "pg_wal").iterdir() if path.is_file()}
    way = [Segment(1, 4), Segment(1, 5), Segment(2, 6), Segment(2, 7)]
    assert names == {"00000002.history", *(segment.name() for segment in way)}
    assert {path.name for path in (data / "pg_wal" / "archive_status").iterdir()} == {f"{name}.done" for name in names}
    assert not beside(data).exists()


@pytest.mark.parametrize("kept", [[], ["00000002.history"]])
def test_a_promoted_cluster_need_not_have_its_ancestors_histories(engine, data, monkeypatch, kept):
    """Its archive begins with the timeline on which it leads."""
    forks = (Fork(1, 6 * SEGMENT_BYTES + 9), Fork(2, 8 * SEGMENT_BYTES + 9))
    engine.held = catalog([backup("b", NOON, 8, timeline=3)], wal(3, [8, 9]), {3: forks})
    (engine.folder / "archive" / "00000002.history").unlink()
    engine.archives("00000003.history", *(segment.name() for segment in (Segment(3, 8), Segment(3, 9))), *kept)
    cluster = ClusterState("shop", (Member("db1", "leader", "running", timeline=3),))
    monkeypatch.setattr(replica, "ask_patroni", lambda _settings: cluster)
    make(data)
    assert {path.name for path in (data / "pg_wal").glob("*.history")} == {"00000003.history", *kept}


def test_its_own_timelines_history_must_be_there(engine, data):
    (engine.folder / "archive" / "00000002.history").unlink()
    with pytest.raises(MatriarchError, match=r"has lost 00000002\.history"):
        make(data)


def test_it_becomes_a_standby_that_reads_no_archive(engine, data):
    make(data)
    assert (data / "standby.signal").exists()
    assert not (data / "recovery.signal").exists()
    assert not (data / "patroni.dynamic.json").exists()
    assert (data / "postgresql.auto.conf").read_text() == "work_mem = '4MB'\n"


def test_wal_that_came_meanwhile_comes_along(engine, data):
    engine.archives(Segment(2, 8).name(), Segment(2, 9).name(), Segment(2, 11).name())
    make(data)
    assert (data / "pg_wal" / Segment(2, 9).name()).exists()
    assert not (data / "pg_wal" / Segment(2, 11).name()).exists()


def test_what_is_there_already_serves(engine, data):
    data.mkdir()
    (data / "data").write_text("former\n")
    (data / "postmaster.pid").write_text("")
    make(data)
    assert (data / "data").read_text() == "former\nrestored\n"
    assert not (data / "postmaster.pid").exists()
    assert engine.wishes[0].delta


def test_an_interrupted_one_goes_on(engine, data):
    beside(data).mkdir()
    (beside(data) / "data").write_text("half\n")
    data.mkdir()
    make(data)
    assert (data / "data").read_text() == "half\nrestored\n"


def test_a_former_attempt_is_not_taken_for_the_data(engine, data):
    beside(data).mkdir()
    (beside(data) / "data").write_text("half\n")
    data.mkdir()
    (data / "data").write_text("whole\n")
    make(data)
    assert (data / "data").read_text() == "whole\nrestored\n"


def test_where_the_leader_is_the_shorter_way_the_data_stays(engine, data):
    data.mkdir()
    (data / "data").write_text("former\n")
    with pytest.raises(MatriarchError, match="shorter way"):
        make(data, AUTO)
    assert (data / "data").read_text() == "former\n"


@pytest.fixture
def etcd(engine, monkeypatch):
    keys = FakeKeys(2)
    monkeypatch.setattr(replica, "servers", lambda _settings, _urls: [JsonHttp(url) for url in keys.urls])
    yield keys
    keys.stop()


def test_while_the_cluster_is_restored_the_leader_gives_the_data(etcd, data):
    """What came out of the repository would lack the mark of the restore."""
    EtcdKeys(JsonHttp(etcd.urls[0])).transact([], [Put("/matriarch/shop/restore", b"{}")])
    with pytest.raises(Refused, match="is being restored"):
        make(data)
    assert not data.exists()


def test_without_a_restore_the_repository_gives_it(etcd, data):
    assert "came along" in make(data)


@pytest.mark.parametrize("broken", ["engine", "segment", "archive"])
def test_a_failure_leaves_the_place_free(engine, data, broken, monkeypatch):
    data.mkdir()
    (data / "data").write_text("former\n")
    if broken == "engine":
        (engine.folder / "broken").touch()
    elif broken == "segment":
        (engine.folder / "archive" / Segment(1, 5).name()).unlink()
    else:
        monkeypatch.setattr(engine, "fetch", lambda _settings: "echo no route to host >&2; exit 103")
    with pytest.raises((MatriarchError, RemoteError)):
        make(data)
    assert not data.exists()
    assert not beside(data).exists()


def test_a_disk_that_fails_is_told_and_the_place_is_free(engine, data, monkeypatch):
    def fail(_beside, _data):
        raise OSError(5, "Input/output error", str(data))

    monkeypatch.setattr(replica, "_put_in_place", fail)
    with pytest.raises(MatriarchError, match="Input/output error"):
        make(data)
    assert not beside(data).exists()


def test_a_mount_point_is_refused_before_anything_is_copied(engine, data, monkeypatch):
    monkeypatch.setattr("os.path.ismount", lambda path: path == data)
    with pytest.raises(MatriarchError, match="is a mount point"):
        make(data)
    assert engine.wishes == []


def test_too_little_room(engine, data, monkeypatch):
    monkeypatch.setattr(replica, "MARGIN", 2**60)
    with pytest.raises(MatriarchError, match="are free"):
        make(data)


def test_a_run_whose_patroni_died_is_waited_for(engine, data):
    lock = Path(f"{data}.replica.lock")
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        told: list[str] = []
        second = threading.Thread(target=lambda: told.append(make(data)))
        second.start()
        second.join(0.2)
        assert second.is_alive()
        (data / "global").mkdir(parents=True)
        (data / "global" / "pg_control").touch()
    second.join(10)
    assert told == ["made by a run before this one"]
    assert engine.wishes == []
