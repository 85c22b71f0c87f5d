# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import socket
import ssl

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.primary_site import PrimarySite
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.primary_site import ALIVE, IDLE, SILENT
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.authority import Authority
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import FakePatroni, member
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import Reply


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def patroni(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity = authority.issue("pg1")
    context.load_cert_chain(identity.certificate, identity.key)
    fake = FakePatroni(context)
    yield fake
    fake.server.stop()


def ca(authority) -> str:
    return str(authority.folder / "ca.crt")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def look(ca_file, patroni_port, postgres_port):
    return PrimarySite(["127.0.0.1"], str(ca_file), patroni_port, postgres_port, seconds=2).look()[0]


def port_of(patroni) -> int:
    return int(patroni.url.rpartition(":")[2])


@pytest.mark.parametrize(
    ("role", "members", "state", "words"),
    [
        ("primary", [member("pg1", "leader")], ALIVE, "takes writes"),
        ("replica", [member("pg2", "leader"), member("pg1")], ALIVE, "pg2 leads"),
        ("replica", [member("pg1")], IDLE, "nobody leads"),
    ],
)
def test_what_its_patroni_says(authority, patroni, role, members, state, words):
    patroni.status, patroni.members = {"state": "running", "role": role}, members
    found = look(ca(authority), port_of(patroni), free_port())
    assert (found.address, found.state) == ("127.0.0.1", state)
    assert words in found.reason


def test_a_patroni_that_does_not_know(authority, patroni):
    """It may be cut off from its etcd while another one takes writes."""
    patroni.status = {"state": "running", "role": "replica"}
    patroni.replies["GET", "/cluster"] = Reply(b"no etcd", 503)
    assert look(ca(authority), port_of(patroni), free_port()).state == ALIVE


def test_an_answer_that_nobody_can_verify(tmp_path, patroni):
    (tmp_path / "other").mkdir()
    found = look(ca(Authority(tmp_path / "other")), port_of(patroni), free_port())
    assert found.state == ALIVE
    assert "not trusted" in found.reason


def test_a_postgresql_without_its_patroni(authority):
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert look(ca(authority), free_port(), server.getsockname()[1]).state == ALIVE


def test_nothing_answers(authority):
    assert look(ca(authority), free_port(), free_port()).state == SILENT
