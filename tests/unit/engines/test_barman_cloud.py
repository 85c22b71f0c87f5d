# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Barman Cloud's files and commands, and its own words parsed: they are those of 3.13 on a cluster of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud import (
    ahead,
    configuration,
    layout,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.engine import RestoreWish, Secrets
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.registry import engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import Fork, Segment
from ansible_collections.matriarch.pgcluster.tests.unit.fakes import backups
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.backups import S3, SYSTEM

SECRETS = Secrets("", (("AK", "SK"), ("AK2", "SK2")))
BARMAN = engine("barman_cloud")
LABEL = "20261126T091500"
NOTE = f"""backup_label='START WAL LOCATION: 0/6000028 (file 000000010000000000000006)\\n'
backup_name=matriarch-23558988
begin_offset=40
begin_time=2026-11-26 09:15:00.123456+00:00
begin_wal=000000010000000000000006
begin_xlog=0/6000028
end_time=2026-11-26 10:15:03.123456+01:00
end_wal=000000010000000000000006
end_xlog=0/6000120
error=None
status=DONE
systemid={SYSTEM}
timeline=1
"""
OBJECTS = [
    [f"base/{LABEL}/backup.info", 900, 1795684504.0],
    [f"base/{LABEL}/data.tar.gz", 3000, 1795684504.0],
    [f"base/{LABEL}/data_0001.tar.gz", 100, 1795684504.0],
    ["base/20261126T080000/data.tar.gz", 7, 1795680000.0],
    ["wals/0000000200000000/000000020000000000000008.gz", 5, 1795684600.0],
    ["wals/0000000100000000/000000010000000000000006.gz", 5, 1795684505.0],
    ["wals/0000000100000000/000000010000000000000008.partial.gz", 5, 1795684505.0],
    ["wals/0000000100000000/000000010000000000000006.00000028.backup.gz", 5, 1795684505.0],
    ["wals/00000002.history.gz", 5, 1795684505.0],
    ["matriarch-owner.json", 50, 1795684505.0],
]
TEXTS = {
    f"base/{LABEL}/backup.info": NOTE,
    "wals/00000002.history.gz": "1\t0/8000060\tno recovery target specified\n",
    "matriarch-owner.json": json.dumps({"cluster": "shop", "system_identifier": SYSTEM}),
}
TOLD = {"problem": "", "objects": OBJECTS, "texts": TEXTS}


def settings(**changes: Any):
    return backups.settings(engine="barman_cloud", **changes)


def catalog(told: Any, **changes: Any):
    return BARMAN.catalog(settings(**changes), lambda _argv: json.dumps(told))


class TestCatalog:
    def test_backups_wal_and_histories_are_read(self):
        held = catalog({"1": TOLD})
        (made,) = held.backups
        assert (made.label, made.kind, made.timeline, made.seconds, made.faulty) == (LABEL, "full", 1, 3.0, False)
        assert (made.start_lsn, made.stop_lsn) == (0x6000028, 0x6000120)
        assert (made.size, made.stored) == (23558988, 4000)
        assert [each.segment for each in held.segments] == [Segment(1, 6), Segment(2, 8)]
        assert held.histories == {2: (Fork(1, 0x8000060),)}
        assert held.systems == {1: SYSTEM}

    @pytest.mark.parametrize("status", ["FAILED", "STARTED", "EMPTY"])
    def test_a_backup_that_did_not_end_is_none(self, status):
        note = NOTE.replace("status=DONE", f"status={status}")
        assert catalog({"1": {**TOLD, "texts": {**TEXTS, f"base/{LABEL}/backup.info": note}}}).backups == ()

    def test_one_that_somebody_else_made_takes_at_least_as_much_as_its_objects(self):
        note = NOTE.replace("matriarch-23558988", "before the upgrade")
        (made,) = catalog({"1": {**TOLD, "texts": {**TEXTS, f"base/{LABEL}/backup.info": note}}}).backups
        assert made.size == made.stored == 4000

    def test_without_a_note_of_the_owner_a_backup_tells_whose_it_is(self):
        texts = {key: text for key, text in TEXTS.items() if key != layout.OWNER}
        assert catalog({"1": {**TOLD, "texts": texts}}).systems == {1: SYSTEM}

    def test_an_empty_repository_is_nobodys(self):
        held = catalog({"1": {"problem": "", "objects": [], "texts": {}}})
        assert (held.backups, held.segments, dict(held.systems)) == ((), (), {})

    def test_one_that_cannot_be_read_is_an_error(self):
        with pytest.raises(MatriarchError, match="repository 1: no route"):
            catalog({"1": {"problem": "no route", "objects": [], "texts": {}}})

    def test_with_another_one_that_can_it_is_a_problem(self):
        bad = {"problem": "no route", "objects": [], "texts": {}}
        held = catalog({"1": bad, "2": TOLD}, repositories=[S3, {**S3, "path": "/two"}])
        assert held.problems == {1: "repository 1: no route"}
        assert [(each.label, each.repository) for each in held.backups] == [(LABEL, 2)]
        assert held.systems == {2: SYSTEM}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"repositories": [S3, {"type": "directory", "path": "/mnt"}]}, "repository 2 is a directory"),
        ({"compression": "zstd"}, "with Barman Cloud it is gzip"),
        ({"drop_wal_beyond": "20GB"}, "never drops WAL"),
    ],
)
def test_what_it_cannot_do_is_refused(changes, words):
    found = BARMAN.refusal(settings(**changes))
    assert words in found
    assert bool(found) == bool(words)


class TestFiles:
    def test_keys_are_in_one_file_and_in_no_other(self):
        told = settings(repositories=[{**S3, "ca_certificate": "PEM"}, {**S3, "path": "/two"}])
        files = BARMAN.host_files(told, SECRETS)
        (path,) = files.secret_contents
        (keys,) = [each for each in files.files if each["path"] == path]
        assert (keys["owner"], keys["mode"]) == ("postgres", "0600")
        assert "content" not in keys
        text = files.secret_contents[path]
        assert "[repository2]\naws_access_key_id = AK2\naws_secret_access_key = SK2\n" in text
        assert not any(secret in str(files.files) for secret in ("AK", "SK"))

    def test_a_host_with_a_role_needs_no_key(self):
        told = settings(repositories=[{**S3, "credentials": "host_role"}])
        assert "aws_access_key_id" not in configuration.credentials(told, Secrets("", (("", ""),)))

    @pytest.mark.parametrize(("path_style", "style"), [(True, "path"), (False, "virtual")])
    def test_a_storage_of_its_own(self, path_style, style):
        told = settings(repositories=[{**S3, "ca_certificate": "PEM", "path_style": path_style, "region": "there"}])
        text = configuration.profiles(told)
        assert "[profile repository1]\nregion = there\n" in text
        assert f"ca_bundle = {layout.FOLDER}/repository1-ca.crt\n" in text
        assert f"s3 =\n  addressing_style = {style}\n" in text

    def test_another_clusters_files_lie_elsewhere(self):
        files = BARMAN.host_files(settings(folder="/else"), Secrets("", (("AK", "SK"),)))
        assert all(each["path"].startswith(("/else", ahead.SPOOL)) for each in [*files.directories, *files.files])
        assert "--settings=/else/settings.json" in BARMAN.fetch(settings(folder="/else"))


class TestCommands:
    def test_a_standby_asks_the_leader(self):
        assert BARMAN.take(settings(), "full", "db2", 1)[-1] == "--leader=192.0.2.2"

    def test_the_leader_asks_nobody(self):
        assert not any("leader" in word for word in BARMAN.take(settings(), "full", "db1", 1))

    def test_the_plan_says_what_goes(self):
        gone = [backups.backup("a", backups.NOON), backups.backup("b", backups.NOON)]
        assert BARMAN.expire(settings(), 2, gone)[-4:] == ["expire", "--repository=2", "a", "b"]

    def test_storages_are_asked_to_encrypt_only_where_that_is_declared(self):
        assert BARMAN.check(settings())[-1] == "check"
        assert BARMAN.check(settings(encrypted=False)) == []

    def test_a_restore_to_a_moment(self):
        wish = RestoreWish("/new", "time", "2026-11-20 12:00:00+00", label="x", repository=2, inclusive=False)
        argv = BARMAN.restore(settings(), wish)
        wanted = {"recovery_target_time=2026-11-20 12:00:00+00", "recovery_target_inclusive=off"}
        assert {"--repository=2", "--label=x", "--directory=/new"} <= set(argv)
        assert {f"--parameter={each}" for each in wanted | {"recovery_target_action=pause"}} <= set(argv)

    def test_a_restore_to_the_end(self):
        argv = BARMAN.restore(settings(), RestoreWish("/new", "latest", "ignored"))
        assert not any("recovery_target_action" in word or "ignored" in word for word in argv)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("000000010000000A000000FF", "wals/000000010000000A/000000010000000A000000FF.gz"),
        ("000000010000000A000000FF.partial", "wals/000000010000000A/000000010000000A000000FF.partial.gz"),
        ("00000002.history", "wals/00000002.history.gz"),
    ],
)
def test_where_wal_lies(name, key):
    assert layout.wal_key(name) == key


@pytest.mark.parametrize(("path", "prefix"), [("/shop", "shop/shop/"), ("/", "shop/"), ("/a/b/", "a/b/shop/")])
def test_where_a_cluster_lies(path, prefix):
    (repository,) = settings(repositories=[{**S3, "path": path}]).repositories
    assert layout.prefix(repository, "shop") == prefix
