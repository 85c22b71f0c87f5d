# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts' program does around Barman's tools: with a bucket in memory, and tools that note what was asked."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import tarfile
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud import (
    base,
    layout,
    leader,
    program,
    tools,
    verify,
    wal,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud.bucket import Object
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.registry import engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import SEGMENT_BYTES, Segment
from ansible_collections.matriarch.pgcluster.tests.unit.fakes import backups
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.backups import S3, SYSTEM

NAME = "000000010000000000000006"
KEY = layout.wal_key(NAME)
LABEL = "20261126T091500"


class Storage:
    """All repositories' buckets; those in `dead` do not answer."""

    def __init__(self) -> None:
        self.held: dict[int, dict[str, bytes]] = {1: {}, 2: {}}
        self.dead: set[int] = set()
        self.encrypts = True
        self.ran: list[tuple[str, int, list[str], tuple[str, ...]]] = []

    def bucket(self, _settings: Settings, number: int) -> Bucket:
        return Bucket(self, number)

    def run(self, settings: Settings, number: int, tool: str, options: list[str], words: tuple[str, ...] = ()) -> None:
        self.ran.append((tool, number, options, words))


class Bucket:
    def __init__(self, storage: Storage, number: int) -> None:
        self.label = f"repository {number}"
        self._storage, self._number = storage, number

    @property
    def _held(self) -> dict[str, bytes]:
        if self._number in self._storage.dead:
            raise MatriarchError(f"{self.label}: no route")
        return self._storage.held[self._number]

    def objects(self, below: str = "") -> list[Object]:
        return [Object(key, len(text), 1.0) for key, text in sorted(self._held.items()) if key.startswith(below)]

    def holds(self, key: str) -> bool:
        return key in self._held

    def read(self, key: str) -> bytes:
        return self._held[key]

    def open(self, key: str) -> io.BytesIO:
        return io.BytesIO(self._held[key])

    def write(self, key: str, content: bytes, **_how: str) -> None:
        self._held[key] = content

    def encryption(self, _key: str) -> str:
        return "AES256" if self._storage.encrypts else ""


@pytest.fixture
def storage(monkeypatch) -> Storage:
    fake = Storage()
    for module in (wal, base, program):
        monkeypatch.setattr(module, "Bucket", fake.bucket)
    monkeypatch.setattr(tools, "run", fake.run)
    monkeypatch.setattr(program, "system_identifier", lambda _settings: SYSTEM)
    return fake


def settings(**changes: Any) -> Settings:
    return backups.settings(engine="barman_cloud", **changes)


TWO = [S3, {**S3, "path": "/two"}]


@pytest.fixture
def segment(tmp_path):
    path = tmp_path / NAME
    path.write_bytes(b"WAL")
    return path


class TestPush:
    def test_what_is_new_is_kept(self, storage, segment):
        wal.push(settings(), segment)
        assert storage.ran == [("wal-archive", 1, ["--gzip", "--encryption=AES256"], (str(segment),))]

    def test_what_is_there_is_not_kept_again(self, storage, segment):
        storage.held[1][KEY] = gzip.compress(b"WAL")
        wal.push(settings(), segment)
        assert storage.ran == []

    def test_other_wal_of_that_name_is_never_overwritten(self, storage, segment):
        storage.held[1][KEY] = gzip.compress(b"of somebody else")
        with pytest.raises(MatriarchError, match=f"holds other WAL by the name of {NAME}"):
            wal.push(settings(), segment)
        assert storage.ran == []

    def test_a_dead_repository_keeps_nothing_from_the_other_one(self, storage, segment):
        storage.dead = {1}
        with pytest.raises(MatriarchError, match="repository 1: no route"):
            wal.push(settings(repositories=TWO), segment)
        assert [(tool, number) for tool, number, _options, _words in storage.ran] == [("wal-archive", 2)]

    def test_nothing_is_asked_to_be_encrypted_unless_declared(self, storage, segment):
        wal.push(settings(encrypted=False), segment)
        assert storage.ran[0][2] == ["--gzip"]


class TestFetch:
    def test_the_first_that_has_it(self, storage):
        storage.held[2][KEY] = b""
        assert wal.fetch(settings(repositories=TWO), NAME, "to") == 0
        assert storage.ran == [("wal-restore", 2, [], (NAME, "to"))]

    def test_the_one_that_is_named_alone(self, storage):
        storage.held[1][KEY] = b""
        words = engine("barman_cloud").fetch(settings(), repository=2).split()
        assert words[2:] == ["fetch", "--repository=2", "%f", '"%p"']
        assert wal.fetch(settings(repositories=TWO), NAME, "to", 2) == 1
        storage.held[2][KEY] = b""
        assert wal.fetch(settings(repositories=TWO), NAME, "to", 2) == 0

    def test_wal_that_nobody_has_is_the_end(self, storage):
        assert wal.fetch(settings(repositories=TWO), NAME, "to") == 1

    def test_a_partial_segment_is_none(self, storage):
        storage.held[1][layout.wal_key(f"{NAME}.partial")] = b""
        assert wal.fetch(settings(), NAME, "to") == 1

    def test_a_repository_that_does_not_answer_is_no_end(self, storage):
        storage.dead = {1}
        with pytest.raises(MatriarchError, match="no route"):
            wal.fetch(settings(repositories=TWO), NAME, "to")

    def test_it_does_not_matter_where_another_one_has_it(self, storage):
        storage.dead, storage.held[2][KEY] = {1}, b""
        assert wal.fetch(settings(repositories=TWO), NAME, "to") == 0


class TestExpire:
    def test_the_oldest_first_and_what_failed_attempts_left(self, storage):
        storage.held[1] = {"base/b/backup.info": b"status=FAILED\n", "base/d/backup.info": b"status=DONE\n"}
        base.expire(settings(), 1, ["c", "a"])
        assert [options for _tool, _number, options, _words in storage.ran] == [
            ["--backup-id=a"],
            ["--backup-id=b"],
            ["--backup-id=c"],
        ]


class TestTake:
    def take(self, storage, monkeypatch, leader: str, made: bytes = b"", wal_comes: bool = True) -> list[str]:
        asked: list[str] = []

        def run(_settings: Settings, _number: int, _tool: str, options: list[str], _words: Any = ()) -> None:
            storage.ran.append(("backup", 1, options, ()))
            storage.held[1][f"base/{LABEL}/backup.info"] = (
                made or f"status=DONE\nend_wal={NAME}\nend_xlog=0/6000120\n".encode()
            )

        def end(_settings: Settings, address: str, segment: str) -> str:
            asked.append(address)
            if wal_comes:
                storage.held[1][layout.wal_key(segment)] = b""
            return "" if wal_comes else "it refuses"

        def checkpoint(_settings: Settings, address: str) -> None:
            assert storage.ran == []
            asked.append(f"checkpoint of {address}")

        clock = iter(range(0, 10000, 100))
        monkeypatch.setattr(tools, "run", run)
        monkeypatch.setattr(base, "checkpoint", checkpoint)
        monkeypatch.setattr(base, "end_segment", end)
        quick = SimpleNamespace(sleep=lambda _seconds: None, monotonic=lambda: next(clock))
        monkeypatch.setattr(base, "time", quick)
        base.take(settings(), 1, leader)
        return asked

    def test_the_leader_makes_its_checkpoint_and_ends_the_segment_that_it_needs(self, storage, monkeypatch):
        asked = self.take(storage, monkeypatch, "192.0.2.2")
        assert asked == ["checkpoint of 192.0.2.2", "192.0.2.2"]

    def test_the_leader_s_own_backup_asks_nobody(self, storage, monkeypatch):
        storage.held[1][KEY] = b""
        assert self.take(storage, monkeypatch, "") == []

    def test_a_backup_without_its_wal_is_none(self, storage, monkeypatch):
        with pytest.raises(MatriarchError, match=f"its WAL {NAME} does not come .it refuses"):
            self.take(storage, monkeypatch, "192.0.2.2", wal_comes=False)

    def test_one_that_failed_is_none(self, storage, monkeypatch):
        with pytest.raises(MatriarchError, match="does not show it"):
            self.take(storage, monkeypatch, "", made=b"status=FAILED\n")

    def test_a_bucket_that_does_not_answer_is_asked_for_nothing_more(self, storage):
        storage.dead = {1}
        with pytest.raises(MatriarchError, match="no route"):
            base.take(settings(), 1, "")
        assert storage.ran == []


class Replaying:
    """A standby's cursor: so many bytes behind at each look, the last one for good."""

    def __init__(self, *behind: int | None) -> None:
        self.behind = list(behind)

    def execute(self, statement: str, words: tuple[str, ...]) -> None:
        assert (statement, words) == (leader.BEHIND, ("0/6000000",))

    def fetchone(self) -> tuple[int | None]:
        return (self.behind.pop(0) if len(self.behind) > 1 else self.behind[0],)


class TestReplay:
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch):
        clock = iter(range(0, 10000, 100))
        quick = SimpleNamespace(sleep=lambda _seconds: None, monotonic=lambda: next(clock))
        monkeypatch.setattr(leader, "time", quick)

    @pytest.mark.parametrize("last", [0, -8, None])
    def test_it_ends_with_the_checkpoint_or_a_promotion(self, last):
        member = Replaying(400, last)
        leader.await_replay(member, "0/6000000")
        assert member.behind == [last]

    def test_a_member_that_does_not_replay_is_none_to_back_up(self):
        with pytest.raises(MatriarchError, match="400 bytes behind"):
            leader.await_replay(Replaying(400), "0/6000000")


@pytest.mark.parametrize(("position", "segment"), [("0/6000001", NAME), ("0/7000000", NAME), ("0/6000120", NAME)])
def test_a_segment_that_is_still_empty_is_not_waited_for(position, segment):
    named = "000000010000000000000007" if position == "0/7000000" else NAME
    assert base.last_segment({"end_wal": named, "end_xlog": position}) == segment


def test_a_data_directory_is_measured_without_what_no_backup_has(tmp_path):
    for name, length in (("PG_VERSION", 3), ("base/1", 100), ("pg_wal/1", 1000), ("base/pg_wal/2", 10)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(length))
    assert base.size(tmp_path) == 113


def test_recovery_parameters_are_quoted(storage, tmp_path, monkeypatch):
    monkeypatch.setattr(tools, "check_tarballs", lambda: None)
    base.restore(settings(), 1, LABEL, tmp_path, ["restore_command=get 'this' %f", "recovery_target_timeline=latest"])
    text = (tmp_path / "postgresql.auto.conf").read_text(encoding="utf-8")
    assert text == "restore_command = 'get ''this'' %f'\nrecovery_target_timeline = 'latest'\n"
    assert (tmp_path / "recovery.signal").exists()
    assert storage.ran == [("restore", 1, [], (LABEL, str(tmp_path)))]


def page(number: int = 6, system: int = int(SYSTEM), flags: int = verify.LONG) -> bytes:
    first = struct.pack("<HHIQIxxxxQII", 0xD116, flags, 1, number * SEGMENT_BYTES, 0, system, SEGMENT_BYTES, 8192)
    return first + bytes(SEGMENT_BYTES - len(first))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (page(), ""),
        (page()[:-1], "has 16777215 bytes"),
        (page(number=7), "holds another segment"),
        (page(system=5), "is of another PostgreSQL (5)"),
        (page(flags=0), "does not begin as a segment does"),
        (b"", "has 0 bytes"),
    ],
)
def test_a_segment_is_known_by_its_first_page(content, problem):
    found = verify.wrong(content, Segment(1, 6), SYSTEM)
    assert problem in found
    assert bool(found) == bool(problem)


def tarball(*names: str) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 1000
            archive.addfile(member, io.BytesIO(bytes(range(250)) * 4))
    return gzip.compress(raw.getvalue())


class TestVerify:
    def found(self, storage: Storage, **changed: bytes | None) -> list[str]:
        sound = {
            KEY: gzip.compress(page(), 1),
            f"base/{LABEL}/backup.info": b"status=DONE\n",
            f"base/{LABEL}/data.tar.gz": tarball("./PG_VERSION", "./global/pg_control"),
            f"base/{LABEL}/data_0001.tar.gz": tarball("backup_label"),
        }
        storage.held[1] = {key: text for key, text in {**sound, **changed}.items() if text is not None}
        return list(verify.problems(storage.bucket(settings(), 1), SYSTEM))  # type: ignore[arg-type]

    def test_all_is_sound(self, storage):
        assert self.found(storage) == []

    @pytest.mark.parametrize("place", [-1, -6, 40])
    @pytest.mark.parametrize("key", [KEY, f"base/{LABEL}/data.tar.gz"])
    def test_a_changed_byte_is_found(self, storage, key, place):
        self.found(storage)
        content = bytearray(storage.held[1][key])
        content[place] ^= 0xFF
        found = self.found(storage, **{key: bytes(content)})
        assert len(found) == 1
        assert key in found[0]

    def test_a_truncated_tarball_is_found(self, storage):
        key = f"base/{LABEL}/data.tar.gz"
        assert "is damaged" in self.found(storage, **{key: tarball("PG_VERSION")[:-20]})[0]

    def test_a_lost_tarball_is_found(self, storage):
        assert self.found(storage, **{f"base/{LABEL}/data_0001.tar.gz": None}) == [
            f"repository 1: the backup {LABEL} lacks backup_label"
        ]


class TestProgram:
    def run(self, tmp_path, *words: str, **changes: Any) -> int:
        from dataclasses import asdict

        (tmp_path / "settings.json").write_text(json.dumps(asdict(settings(**changes))), encoding="utf-8")
        return program.main([f"--settings={tmp_path}/settings.json", *words])

    def test_a_storage_that_does_not_encrypt_is_refused(self, storage, tmp_path, capsys):
        assert self.run(tmp_path, "check") == 0
        storage.encrypts = False
        assert self.run(tmp_path, "check") == 2
        assert "did not encrypt it. Next: " in capsys.readouterr().err

    @pytest.mark.parametrize(
        "words",
        [
            ("restore", "--label=x", "--directory={}"),
            ("take",),
            ("expire", "x"),
            ("push", "{}/000000010000000000000007"),
            ("fetch", NAME, "to"),
            ("fetch", "--repository=1", NAME, "to"),
        ],
        ids=lambda words: words[0],
    )
    def test_every_tool_finds_the_keys(self, storage, tmp_path, monkeypatch, words):
        found: list[str | None] = []
        monkeypatch.delenv("AWS_SHARED_CREDENTIALS_FILE", raising=False)
        monkeypatch.setattr(tools, "run", lambda *_told: found.append(os.environ.get("AWS_SHARED_CREDENTIALS_FILE")))
        monkeypatch.setattr(tools, "check_tarballs", lambda: None)
        storage.held[1][KEY] = gzip.compress(b"")
        (tmp_path / "000000010000000000000007").touch()
        self.run(tmp_path, *(word.format(tmp_path) for word in words), folder=str(tmp_path))
        assert found == [f"{tmp_path}/credentials"]

    def test_a_repository_is_claimed_once(self, storage, tmp_path):
        storage.held[1][layout.OWNER] = b"of somebody else"
        assert self.run(tmp_path, "prepare", repositories=TWO) == 0
        assert storage.held[1][layout.OWNER] == b"of somebody else"
        assert json.loads(storage.held[2][layout.OWNER])["system_identifier"] == SYSTEM

    def test_one_that_does_not_answer_is_told_beside_the_others(self, storage, tmp_path, capsys):
        storage.dead = {1}
        storage.held[2]["wals/00000002.history.gz"] = gzip.compress(b"1\t0/8000060\tx\n")
        assert self.run(tmp_path, "list", repositories=TWO) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["1"] == {"problem": "repository 1: no route", "objects": [], "texts": {}}
        assert told["2"]["texts"] == {"wals/00000002.history.gz": "1\t0/8000060\tx\n"}

    @pytest.mark.parametrize(("dead", "code"), [(set(), 1), ({1}, 2)])
    def test_silence_is_no_end_of_the_log(self, storage, tmp_path, dead, code):
        storage.dead = dead
        assert self.run(tmp_path, "fetch", NAME, "to") == code
