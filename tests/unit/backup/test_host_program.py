# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member's own program does: the lock, WAL of former leaders, the state, and the files that it consists of."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.filter.backup import (
    backup_encrypts,
    backup_host_files,
    backup_program,
    backup_settings,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import command, program
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.lock import BackupLock, Busy
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.mend import mend
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.state import Mended, State
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.told import told
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import libpq
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill import canaries, run
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.state import DrillState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, NobodyAnswered, Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import DRILL, Proof, Trial
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.backups import NOON, S3, backup, catalog, settings, wal
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd_keys import FakeKeys


@pytest.fixture
def etcd() -> Iterator[FakeKeys]:
    keys = FakeKeys(2)
    yield keys
    keys.stop()


def lock(etcd: FakeKeys, member: str = "db1") -> BackupLock:
    return BackupLock([EtcdKeys(JsonHttp(url)) for url in etcd.urls], "shop", {"member": member})


class TestLock:
    def test_one_at_a_time(self, etcd):
        with lock(etcd), pytest.raises(Busy, match=r"a backup runs: .*db1"), lock(etcd, "db2"):
            pytest.fail("two have it")
        with lock(etcd, "db2"):
            assert "db2" in lock(etcd).holder()
        assert etcd.keys == {}

    def test_it_ends_with_its_lease(self, etcd):
        with lock(etcd):
            assert [key.lease for key in etcd.keys.values()] == list(etcd.leases)

    def test_who_was_refused_leaves_no_lease(self, etcd):
        with lock(etcd):
            with pytest.raises(Busy), lock(etcd, "db2"):
                pass
            assert len(etcd.leases) == 1

    def test_it_is_given_back_after_a_failure(self, etcd):
        with pytest.raises(RuntimeError), lock(etcd):
            raise RuntimeError
        assert etcd.keys == {}

    def test_another_server_will_do(self, etcd):
        etcd.servers[0].stop()
        with lock(etcd):
            assert etcd.keys

    def test_without_etcd_there_is_none(self):
        with pytest.raises(NobodyAnswered), BackupLock([EtcdKeys(JsonHttp("https://127.0.0.1:1"))], "shop", {}):
            pass


class Wal:
    """A data directory's WAL; `archived` are the names that were pushed, of which those in `refused` fail."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "pg_wal"
        (self.folder / "archive_status").mkdir(parents=True)
        self.archived: list[str] = []
        self.refused: set[str] = set()

    def has(self, *names: str, status: str = "") -> None:
        for name in names:
            (self.folder / name).write_text("")
            if status:
                (self.folder / "archive_status" / f"{name}.{status}").write_text("")

    def follows(self) -> None:
        (self.folder.parent / "standby.signal").write_text("")

    def mend(self, before: Mended | None = None) -> Mended:
        return mend(self.folder, ["push"], self.push, before or Mended())

    def push(self, argv: list[str]) -> None:
        name = Path(argv[1]).name
        if name in self.refused:
            raise MatriarchError("no route to host")
        self.archived.append(name)

    def statuses(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "archive_status").iterdir())


@pytest.fixture
def files(tmp_path: Path) -> Wal:
    return Wal(tmp_path)


def name(timeline: int, number: int) -> str:
    return f"{timeline:08X}{0:08X}{number:08X}"


class TestMending:
    def test_a_standby_archives_what_it_left_when_it_led(self, files):
        files.follows()
        files.has(name(1, 5), name(1, 4), "00000002.history", status="ready")
        files.has(name(1, 3), status="done")
        assert files.mend() == Mended()
        assert files.archived == [name(1, 4), name(1, 5), "00000002.history"]
        assert all(each.endswith(".done") for each in files.statuses())

    def test_in_order_and_no_further_than_the_first_failure(self, files):
        files.follows()
        files.has(name(1, 4), name(1, 5), name(1, 6), status="ready")
        files.refused = {name(1, 5)}
        assert "no route" in files.mend().problem
        assert files.archived == [name(1, 4)]
        files.refused = set()
        assert files.mend() == Mended()
        assert files.archived == [name(1, 4), name(1, 5), name(1, 6)]

    def test_a_new_leader_archives_what_it_received_once(self, files):
        files.has(name(1, 4), name(1, 5), status="done")
        files.has(name(2, 5), status="ready")
        files.has("00000002.history", f"{name(1, 5)}.partial", "junk")
        after = files.mend()
        assert (after, files.archived) == (Mended(2), [name(1, 4), name(1, 5)])
        assert files.mend(after) == after
        assert len(files.archived) == 2

    def test_it_tries_again_after_a_failure(self, files):
        files.has(name(1, 4), name(2, 4), "00000002.history")
        files.refused = {name(1, 4)}
        assert files.mend() == Mended(0, f"{name(1, 4)}: no route to host")
        files.refused = set()
        assert files.mend() == Mended(2)

    def test_a_leader_of_the_first_timeline_leaves_it_to_postgresql(self, files):
        files.has(name(1, 4), status="ready")
        files.mend()
        assert files.archived == []


class TestState:
    def test_what_was_written_is_read(self, tmp_path):
        path = str(tmp_path / "state.json")
        state = State(attempted_at="2026-11-20T01:00:00Z", failure="x").seen(
            catalog([backup("a", NOON)]), "", NOON, "p"
        )
        state.write(path)
        assert State.read(path) == state

    @pytest.mark.parametrize("text", ["", "[]", "null", "{"])
    def test_a_file_that_makes_no_sense_is_as_none(self, tmp_path, text):
        (tmp_path / "state.json").write_text(text)
        assert State.read(str(tmp_path / "state.json")) == State()

    def test_of_a_repository_that_could_not_be_read_the_former_look_counts(self):
        both = catalog([backup("a", NOON), backup("b", NOON, repository=2)])
        first = State().seen(both, "", NOON, "p")
        later = first.seen(catalog([backup("c", NOON + timedelta(days=1))], problems={2: "no route"}), "", NOON, "p")
        assert [later.newest[number]["label"] for number in ("1", "2")] == ["c", "b"]
        assert later.problems == {"2": "no route"}

    def test_of_another_repository_in_its_place_nothing_is_known(self):
        state = State().seen(catalog([backup("a", NOON)]), "", NOON, "p")
        assert state.seen(catalog(problems={1: "no route"}), "", NOON, "q").newest == {}

    def test_since_when_they_are_others(self):
        first = State().seen(catalog(), "", NOON, "p")
        later = first.seen(catalog(), "", NOON + timedelta(days=1), "q")
        assert (first.moved_at, later.moved_at) == ("", "2026-11-21T12:00:00Z")
        assert later.seen(catalog(), "", NOON + timedelta(days=2), "q").moved_at == later.moved_at

    def test_whether_every_repository_has_one(self):
        state = State().seen(catalog([backup("a", NOON)]), "", NOON, "p")
        begun = NOON - timedelta(minutes=5)
        assert state.begun_since(begun, 1)
        assert not state.begun_since(begun + timedelta(seconds=1), 1)
        assert not state.begun_since(begun, 2)

    def test_what_the_status_gets(self, tmp_path):
        (tmp_path / "settings.json").write_text(json.dumps(backup_settings({**declared(), "repositories": [S3]})))
        State(attempted_at="2026-11-21T01:00:00Z", failure="x").seen(
            catalog([backup("a", NOON)], wal(1, [4])), "W", NOON, "p"
        ).write(str(tmp_path / "state"))
        Mended(2, "y").write(str(tmp_path / "wal"))
        paths = [str(tmp_path / each) for each in ("settings.json", "state", "wal")]
        drilled = Trial(DRILL, "2026-11-20T01:00:00Z", "db2")
        (tmp_path / "proof").write_text(Proof().knowing(drilled).to_text())
        DrillState(failed_at="2026-11-20T01:00:01Z", failure="z").write(str(tmp_path / "drill"))
        later = [str(tmp_path / each) for each in ("proof", "drill")]
        answer = told(paths[0], NOON + timedelta(hours=2), *paths[1:], *later)
        assert answer is not None
        assert answer["proof"]["good_drill"] == drilled.told()
        assert answer["drill"] == {"interval_hours": 0, "failure": "z"}
        DrillState(failed_at="2026-11-20T00:59:59Z", failure="z").write(later[1])
        assert (told(paths[0], NOON, *paths[1:], *later) or {})["drill"]["failure"] == ""
        assert answer["failed_at"] == "2026-11-21T01:00:00Z"
        assert [answer[each] for each in ("failure", "missing", "unmended", "interval_hours")] == ["x", "W", "y", 24]
        assert answer["repositories"][0]["age_seconds"] == 7200
        assert told(str(tmp_path / "none"), NOON) is None


def declared() -> dict[str, object]:
    from dataclasses import asdict

    return asdict(settings())


class TestCommands:
    def test_what_it_prints(self):
        assert command.work([sys.executable, "-c", "print('done')"], threading.Event()) == "done\n"

    def test_why_it_failed(self):
        said = "print('INFO: begin'); print('ERROR: [056]: no key'); print('INFO: end'); raise SystemExit(3)"
        with pytest.raises(command.EngineError, match=r": ERROR: \[056\]: no key"):
            command.work([sys.executable, "-c", said], threading.Event())

    def test_it_is_ended_when_the_lock_is_lost(self):
        lost = threading.Event()
        threading.Timer(0.3, lost.set).start()
        with pytest.raises(command.EngineError, match="lock of the backups was lost"):
            command.work([sys.executable, "-c", "import time; time.sleep(60)"], lost)


def test_the_program_runs_from_its_files_alone_without_ansible(tmp_path: Path) -> None:
    for file in backup_program(str(tmp_path))["files"]:
        path = Path(file["path"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file["content"])
    code = (
        "import sys; sys.modules['ansible'] = None\n"
        "from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.program import main\n"
        "sys.exit(main(['scheduled']))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "this cluster has no backups" in done.stderr, done.stderr


def launch(tmp_path: Path, *words: str, broken: bool = False) -> subprocess.CompletedProcess[str]:
    """The program of an engine, as its files and its launcher lie on a host."""
    plain = {**declared(), "engine": "barman_cloud", "repositories": [S3]}
    wanted = backup_host_files(backup_settings(plain), {"passphrase": "", "keys": [["AK", "SK"]]})
    for file in wanted["files"]:
        path = tmp_path / file["path"].lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        text = file.get("content", "").replace("/usr/local/lib/", f"{tmp_path}/usr/local/lib/")
        path.write_text("import nothing_of_that_name\n" if broken and path.name == "wal.py" else text, encoding="utf-8")
    launcher = [sys.executable, "-I", str(tmp_path / "usr/local/libexec/matriarch-barman")]
    told = f"--settings={tmp_path}/etc/matriarch/barman/settings.json"
    return subprocess.run([*launcher, told, *words], capture_output=True, text=True, check=False)


def test_an_engines_program_runs_from_its_files(tmp_path):
    done = launch(tmp_path, "push", str(tmp_path / "000000010000000000000001"))
    assert done.returncode == 2, done.stderr
    assert "install barman-cli-cloud" in done.stderr


def test_a_program_that_breaks_ends_with_no_code_that_means_something(tmp_path):
    """With 1 it would tell PostgreSQL that the log ends here."""
    done = launch(tmp_path, "fetch", "000000010000000000000001", "to", broken=True)
    assert done.returncode == 70
    assert "nothing_of_that_name" in done.stderr


def test_what_an_engine_cannot_do_is_refused_with_its_words():
    plain = {**declared(), "engine": "barman_cloud", "repositories": [S3], "compression": "lz4"}
    with pytest.raises(AnsibleFilterError, match="backup_compression is lz4; with Barman Cloud it is gzip"):
        backup_settings(plain)


@pytest.mark.parametrize(("name", "encrypts"), [("pgbackrest", True), ("barman_cloud", False)])
def test_who_needs_a_passphrase(name, encrypts):
    assert backup_encrypts(name) is encrypts


def test_an_engine_that_there_is_not_is_refused():
    with pytest.raises(AnsibleFilterError, match="there is no backup engine 'tape'"):
        backup_encrypts("tape")


class TestDrills:
    """How the program ends is all that systemd and a monitoring see."""

    @pytest.mark.parametrize(
        ("answer", "code", "said"),
        [
            (Trial(DRILL, "2026-11-20T01:00:00Z", "db2"), 0, '"good": true'),
            (Trial(DRILL, "2026-11-20T01:00:00Z", "db2", problems=("x",)), 10, '"good": false'),
            (None, 0, ""),
            (Refused("no room"), 1, ""),
        ],
        ids=["good", "bad", "not due", "refused"],
    )
    def test_how_it_ends(self, monkeypatch, capsys, answer, code, said):
        def scheduled(_settings):
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(Settings, "read", lambda _path: settings())
        monkeypatch.setattr(run, "WAYS", {"scheduled": scheduled})
        assert program.main(["drill", "scheduled"]) == code
        assert said in capsys.readouterr().out

    def test_every_way_has_its_word(self):
        assert tuple(run.WAYS) == program.DRILLS

    def test_who_foresees_hears_why_it_is_refused(self, monkeypatch, capsys):
        def foreseen(_settings):
            raise Refused("no room")

        monkeypatch.setattr(Settings, "read", lambda _path: settings())
        monkeypatch.setattr(run, "WAYS", {"foreseen": foreseen})
        assert program.main(["drill", "foreseen"]) == 1
        assert json.loads(capsys.readouterr().out) == {"error": "no room", "busy": False}

    def test_a_standby_writes_no_canary(self, monkeypatch, tmp_path):
        (tmp_path / "standby.signal").touch()
        monkeypatch.setattr(Settings, "read", lambda _path: settings(data_directory=str(tmp_path)))
        monkeypatch.setattr(canaries, "Canaries", lambda *_told: pytest.fail("it was asked"))
        assert program.main(["canary"]) == 0

    def test_a_stopped_postgresql_is_no_failure_of_the_canary(self, monkeypatch, tmp_path, capsys):
        def connect(**_told):
            raise libpq.Unanswered("No such file or directory")

        monkeypatch.setattr(Settings, "read", lambda _path: settings(data_directory=str(tmp_path)))
        monkeypatch.setattr(libpq, "connect", connect)
        assert program.main(["canary"]) == 0
        assert "No such file or directory" in json.loads(capsys.readouterr().out)["reason"]

    def test_a_canary_that_is_refused_is_a_failure(self, monkeypatch, tmp_path):
        def ask(*_told):
            raise libpq.Said("permission denied")

        monkeypatch.setattr(Settings, "read", lambda _path: settings(data_directory=str(tmp_path)))
        monkeypatch.setattr(libpq, "connect", lambda **_told: SimpleNamespace(close=lambda: None))
        monkeypatch.setattr(libpq, "ask", ask)
        assert program.main(["canary"]) == 1
