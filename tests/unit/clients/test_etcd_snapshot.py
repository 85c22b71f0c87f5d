# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_snapshot import save_snapshot
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import FakeServer, Reply

DATABASE = b"\x07" * 1024


def lines(*parts: bytes) -> bytes:
    return b"".join(
        json.dumps({"result": {"blob": base64.b64encode(part).decode()}}).encode() + b"\n\n" for part in parts
    )


def save(reply: Reply, path: Path) -> int:
    server = FakeServer(lambda _call: reply)
    try:
        return save_snapshot(JsonHttp(server.url), path).size_bytes
    finally:
        server.stop()


def test_the_parts_are_put_together(tmp_path: Path) -> None:
    body = lines(DATABASE[:500], b"", DATABASE[500:], hashlib.sha256(DATABASE).digest())
    assert save(Reply(body), tmp_path / "x") == 1024 + 32
    assert (tmp_path / "x").read_bytes()[:1024] == DATABASE


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(b""), "0 bytes came"),
        (Reply(lines(DATABASE)), "1024 bytes came, which are no database"),
        (Reply(lines(DATABASE, b"\0" * 32)), "the SHA-256 of what came is not the one"),
        (Reply(lines(DATABASE) + b'{"error": {"message": "etcdserver: no leader"}}\n'), "etcd says .*no leader"),
        (Reply(lines(DATABASE) + b'{"result": {"blo'), "the answer is not what etcd gives"),
        (Reply(b"[]\n"), "the answer is not what etcd gives"),
        (Reply(b'{"result": {"blob": "not base64!"}}\n'), "the answer is not what etcd gives"),
        (Reply({"error": "permission denied"}, 403), "HTTP 403"),
    ],
)
def test_what_is_no_whole_snapshot_leaves_nothing(tmp_path: Path, reply: Reply, reason: str) -> None:
    with pytest.raises(RemoteError, match=f"POST /v3/maintenance/snapshot on .*: {reason}"):
        save(reply, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match=r"on http://127\.0\.0\.1:1: the snapshot broke off"):
        save_snapshot(JsonHttp("http://127.0.0.1:1"), tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
