# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.certificates import (
    Certificate,
    read_certificate,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.certificate import issue


def test_subject_and_end(tmp_path):
    read = read_certificate(issue(tmp_path / "host.crt"))
    assert read.subject == "CN=pg1,O=matriarch"
    assert read.days_left(datetime.now(UTC)) == 29
    assert read.not_after.tzinfo is UTC


def test_the_first_of_a_chain_counts(tmp_path):
    chain = tmp_path / "chain.crt"
    parts = [issue(tmp_path / name, f"/CN={name}") for name in ("first", "second")]
    chain.write_text("".join(Path(part).read_text() for part in parts))
    assert read_certificate(str(chain)).subject == "CN=first"


@pytest.mark.parametrize("subject", ["/CN=two\nlines", "/CN={{ x }}", "/CN=☃", '/CN=a"b,c'])
def test_a_hostile_subject_stays_on_its_line(tmp_path, subject):
    told = read_certificate(issue(tmp_path / "host.crt", subject)).subject
    assert told.startswith("CN=")
    assert told.isprintable()


@pytest.mark.parametrize("name", ["it's {{ mine }}.crt", "a\nb.crt", "☃ $(id).crt", "-out.crt"])
def test_a_hostile_path_is_a_path(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    issue(tmp_path / name)
    assert read_certificate(name).path == name


@pytest.mark.parametrize(("hours", "days"), [(24, 1), (25, 1), (23, 0), (0, 0), (-1, -1), (-24, -1), (-25, -2)])
def test_days_are_full_days(hours, days):
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert Certificate("p", "CN=x", now + timedelta(hours=hours)).days_left(now) == days


@pytest.mark.parametrize("content", [None, b"", b"not a certificate", b"\xff\0"])
def test_what_is_no_certificate_is_an_error_with_its_path(tmp_path, content):
    path = tmp_path / "host.crt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RemoteError, match=f"reading the certificate {path}: openssl ended with exit code 1"):
        read_certificate(str(path))


def test_a_nul_in_a_path_is_an_error():
    with pytest.raises(RemoteError, match="null byte"):
        read_certificate("a\0b")
