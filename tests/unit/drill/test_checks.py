# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import command
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.command import EngineError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill import checks

GIVEN_UP = threading.Event()


@pytest.fixture
def programs(monkeypatch):
    """Every program that is run; `ends` is its exit code and what it says."""

    class Programs:
        ends: tuple[int, str] = (0, "")
        argv: list[str]

        def work(self, argv, _given_up):
            self.argv = argv
            code, said = self.ends
            if code:
                raise EngineError(f"{command.named(argv)}: {said}", rc=code)
            return said

    fake = Programs()
    monkeypatch.setattr(command, "work", fake.work)
    return fake


def amcheck():
    return checks.tables_and_indexes("/bin", Path("/run/x"), 5432, GIVEN_UP)


def test_sound_tables_and_indexes(programs):
    assert amcheck() == []
    assert {"--all", "--heapallindexed", "--host=/run/x", "--install-missing"} <= set(programs.argv)


def test_corrupt_ones(programs):
    programs.ends = (2, 'btree index "shop.public.item_pkey": page order invariant violated')
    assert "item_pkey" in amcheck()[0]


def test_that_they_could_not_be_checked_is_no_good_verdict(programs):
    programs.ends = (1, "could not connect")
    with pytest.raises(EngineError, match="could not connect"):
        amcheck()


@pytest.mark.parametrize(
    ("ends", "bad", "has"),
    [
        ((0, ""), False, True),
        ((1, "pg_checksums: error: data checksums are not enabled in cluster"), False, False),
        ((1, 'checksum verification failed in file "base/5/1259"'), True, True),
    ],
)
def test_pages(programs, ends, bad, has):
    programs.ends = ends
    found, has_checksums = checks.checksums("/bin", Path("/data"), GIVEN_UP)
    assert (bool(found), has_checksums) == (bad, has)
