# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pgBackRest's configuration and commands, and its own words parsed: they are those of 2.55 on a cluster of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.engine import RestoreWish, Secrets
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.pgbackrest.catalog import verdict
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.pgbackrest.configuration import file, text
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.registry import ENGINES, engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import KINDS
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import Fork, Segment
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.backups import S3, SYSTEM, settings

SECRETS = Secrets("a passphrase", (("AK", "SK"), ("AK2", "SK2")))
INFO = [
    {
        "archive": [{"database": {"id": 1, "repo-key": 1}, "id": "17-1", "max": "000000020000000000000008"}],
        "backup": [
            {
                "archive": {"start": "000000010000000000000006", "stop": "000000010000000000000006"},
                "database": {"id": 1, "repo-key": 1},
                "error": False,
                "info": {"delta": 23558988, "repository": {"delta": 3059632, "size": 3059632}, "size": 23558988},
                "label": "20261126-054039F",
                "lsn": {"start": "0/6000028", "stop": "0/6000120"},
                "prior": None,
                "reference": None,
                "timestamp": {"start": 1795671639, "stop": 1795671642},
                "type": "full",
            },
            {
                "archive": {"start": "000000010000000000000007", "stop": "000000010000000000000008"},
                "database": {"id": 1, "repo-key": 1},
                "error": True,
                "info": {"delta": 8450, "repository": {"delta": 464, "size": 3059648}, "size": 23558988},
                "label": "20261126-054039F_20261126-054043I",
                "lsn": {"start": "0/7000028", "stop": "0/8000050"},
                "prior": "20261126-054039F",
                "reference": ["20261126-054039F"],
                "timestamp": {"start": 1795671643, "stop": 1795671645},
                "type": "incr",
            },
        ],
        "db": [{"id": 1, "repo-key": 1, "system-id": int(SYSTEM), "version": "17"}],
        "repo": [{"key": 1, "status": {"code": 0, "message": "ok"}}],
        "status": {"code": 0, "message": "ok"},
    }
]
SUM = "43706c8ff23473dc1ea8888c23f7fabb5cd0da7a"
NAMES = {
    ".": {"type": "path"},
    "17-1": {"type": "path"},
    f"17-1/0000000100000000/000000010000000000000006-{SUM}.gz": {"type": "file", "size": 1, "time": 1795671642},
    f"17-1/0000000200000000/000000020000000000000008-{SUM}": {"type": "file", "size": 1, "time": 1795671700},
    f"17-1/0000000100000000/000000010000000000000008.partial-{SUM}.gz": {"type": "file", "size": 1, "time": 1},
    "17-1/0000000100000000/000000010000000000000006.00000028.backup": {"type": "file", "size": 1, "time": 1},
    "17-1/00000002.history": {"type": "file", "size": 1, "time": 1},
    "archive.info": {"type": "file", "size": 1, "time": 1},
}


class Repository:
    """Answers the commands as pgBackRest does, and keeps what was asked."""

    def __init__(self, info: Any = None) -> None:
        self.info = INFO if info is None else info
        self.asked: list[list[str]] = []

    def __call__(self, argv: list[str]) -> str:
        self.asked.append(argv)
        if argv[-1] == "info":
            return json.dumps(self.info)
        if argv[-2] == "repo-ls":
            return json.dumps(NAMES)
        assert argv[-2:] == ["repo-get", "archive/shop/17-1/00000002.history"]
        return "1\t0/8000060\tno recovery target specified\n"


def test_every_engine_is_known_by_its_name() -> None:
    assert all(engine(name).name == name for name in ENGINES)
    with pytest.raises(MatriarchError, match="no backup engine 'tape'; there are: pgbackrest"):
        engine("tape")


class TestCatalog:
    def test_backups_wal_and_histories_are_read(self):
        repository = Repository()
        held = engine("pgbackrest").catalog(settings(), repository)
        assert all("--io-timeout=5" in argv for argv in repository.asked)
        assert [(b.label, b.kind, b.timeline, b.seconds, b.required, b.faulty) for b in held.backups] == [
            ("20261126-054039F", "full", 1, 3.0, (), False),
            ("20261126-054039F_20261126-054043I", "incremental", 1, 2.0, ("20261126-054039F",), True),
        ]
        assert [each.segment for each in held.segments] == [Segment(1, 6), Segment(2, 8)]
        assert held.histories == {2: (Fork(1, 0x8000060),)}
        assert held.systems == {1: SYSTEM}
        assert (held.backups[0].size, held.backups[0].stored) == (23558988, 3059632)

    @pytest.mark.parametrize("told", [[], [{**INFO[0], "backup": [], "db": [], "archive": []}]])
    def test_an_empty_repository_holds_nothing(self, told):
        repository = Repository(told)
        held = engine("pgbackrest").catalog(settings(), repository)
        assert (held.backups, held.segments, dict(held.systems)) == ((), (), {})
        assert len(repository.asked) == 1

    def test_one_that_cannot_be_read_is_an_error(self):
        bad = [{"repo": [{"key": 1, "status": {"code": 99, "message": "[HostConnectError] no route"}}], "db": []}]
        with pytest.raises(MatriarchError, match="repository 1: \\[HostConnectError\\] no route"):
            engine("pgbackrest").catalog(settings(), Repository(bad))

    def test_with_another_one_that_can_it_is_a_problem(self):
        status = [{"key": 1, "status": {"code": 0}}, {"key": 2, "status": {"code": 99, "message": "no route"}}]
        two = settings(repositories=[S3, {**S3, "path": "/two"}])
        held = engine("pgbackrest").catalog(two, Repository([{**INFO[0], "repo": status}]))
        assert held.problems == {2: "repository 2: no route"}
        assert len(held.backups) == 2


class TestVerdict:
    GOOD = """stanza: main
status: ok
  archiveId: 17-1, total WAL checked: 5, total valid WAL: 5
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
  backup: 20261126-054039F, status: valid, total files checked: 980, total valid files: 980
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
"""

    def test_nothing_is_wrong(self):
        assert list(verdict(self.GOOD)) == []

    @pytest.mark.parametrize(
        ("good", "bad", "problem"),
        [
            ("17-1, total WAL checked: 5, total valid WAL: 5\n    missing: 0", "17-1\n    missing: 1", "WAL of 17-1: "),
            ("F, status: valid", "F, status: invalid", "backup 20261126-054039F is invalid"),
            ("status: ok", "status: error", "status: error"),
        ],
    )
    def test_what_is_wrong_is_named(self, good, bad, problem):
        assert good in self.GOOD
        assert any(line.strip().startswith(problem.strip()) for line in verdict(self.GOOD.replace(good, bad)))


class TestConfiguration:
    def lines(self, secrets: Secrets = SECRETS, **changes: Any) -> list[str]:
        return text(settings(**changes), secrets).splitlines()

    def test_a_storage_with_a_key(self):
        lines = self.lines()
        place = {"type=s3", "path=/shop", "s3-bucket=b", "s3-uri-style=path", "retention-full=30"}
        secret = {"s3-key=AK", "s3-key-secret=SK", "cipher-pass=a passphrase"}
        assert {f"repo1-{each}" for each in place | secret} <= set(lines)
        assert "compress-type=gz" in lines

    def test_the_hosts_own_role_needs_no_key(self):
        lines = self.lines(repositories=[{**S3, "credentials": "host_role"}])
        assert "repo1-s3-key-type=auto" in lines
        assert not any(line.startswith("repo1-s3-key=") for line in lines)

    def test_a_directory(self):
        lines = self.lines(repositories=[{"type": "directory", "path": "/mnt/backups"}], encrypted=False)
        assert "repo1-path=/mnt/backups" in lines
        assert not any("s3" in line or "cipher" in line for line in lines)

    def test_several_repositories_have_their_own_keys(self):
        lines = self.lines(repositories=[S3, {**S3, "path": "/two"}])
        assert "repo2-s3-key=AK2" in lines
        assert "repo2-path=/two" in lines

    def test_no_wal_is_dropped_unless_that_is_declared(self):
        assert not any("queue-max" in line for line in self.lines())
        assert "archive-push-queue-max=20GB" in self.lines(drop_wal_beyond="20GB")

    def test_the_users_options_come_last(self):
        lines = self.lines(engine_options={"process-max": 7, "repo1-block": "y"})
        assert [line for line in lines if line.startswith("process-max")] == ["process-max=7"]
        assert "repo1-block=y" in lines

    def test_an_unknown_compression_is_refused(self):
        assert "knows no compression 'rar'; it knows: gzip" in engine("pgbackrest").refusal(settings(compression="rar"))
        assert engine("pgbackrest").refusal(settings()) == ""

    def test_secrets_are_in_no_file_that_is_shown(self):
        found = engine("pgbackrest").host_files(settings(repositories=[{**S3, "ca_certificate": "PEM"}]), SECRETS)
        assert not any(secret in str(found.files) for secret in ("AK", "SK", "a passphrase"))
        assert list(found.secret_contents) == [file(settings())]
        assert "PEM\n" in [each.get("content") for each in found.files]
        assert "a passphrase" not in repr(SECRETS)


class TestCommands:
    def test_a_standby_asks_the_leader(self):
        argv = engine("pgbackrest").take(settings(), "full", "db2", 1)
        assert {"--backup-standby", "--pg2-host=192.0.2.2", "--type=full", "--no-expire-auto"} <= set(argv)

    def test_the_leader_asks_nobody(self):
        assert not any("pg2" in word for word in engine("pgbackrest").take(settings(), "full", "db1", 1))

    @pytest.mark.parametrize("kind", KINDS)
    def test_every_kind_that_it_names(self, kind):
        assert kind in engine("pgbackrest").kinds
        assert engine("pgbackrest").take(settings(), kind, "db1", 1)[-1] == "backup"

    def test_it_expires_by_the_days_by_which_was_chosen_what_goes(self):
        argv = engine("pgbackrest").expire(settings(keep_days=41), 2, ())
        assert argv[-3:] == ["--repo=2", "--repo2-retention-full=41", "expire"]

    def test_a_restore_to_a_moment(self):
        wish = RestoreWish("/new", "time", "2026-11-20 12:00:00+00", label="x", repository=2, inclusive=False)
        argv = engine("pgbackrest").restore(settings(), wish)
        wanted = {"--pg1-path=/new", "--repo=2", "--set=x", "--type=time", "--target=2026-11-20 12:00:00+00"}
        assert wanted | {"--target-exclusive", "--target-action=pause", "--target-timeline=latest"} <= set(argv)

    def test_two_that_fetch_on_one_host_share_nothing(self):
        beside = engine("pgbackrest").fetch(settings(data_directory="/drill"), "/drill.spool").split()
        assert {"--pg1-path=/drill", "--lock-path=/drill.spool", "--spool-path=/drill.spool"} <= set(beside)
        alone = engine("pgbackrest").fetch(settings())
        assert "--lock-path=/tmp/pgbackrest-get" in alone
        assert "spool" not in alone
        assert "--repo" not in alone

    def test_log_of_one_repository_alone(self):
        assert "--repo=2 archive-get" in engine("pgbackrest").fetch(settings(), repository=2)

    @pytest.mark.parametrize("kind", ["latest", "immediate"])
    def test_a_restore_without_a_value(self, kind):
        argv = engine("pgbackrest").restore(settings(), RestoreWish("/new", kind, "ignored"))
        assert not any(word.startswith("--target=") for word in argv)
