# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import libpq
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.canaries import (
    FOLLOWS,
    MAKE,
    READ,
    WRITE,
    Canaries,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.canary import Canary


class FakeServer:
    """Answers each statement as PostgreSQL would, or with an error."""

    def __init__(self, follows="f", there="t"):
        self.follows, self.there = follows, there
        self.said: list[str] = []
        self.refusals: list[Exception] = []
        self.closed = False

    def connect(self, **_told):
        return SimpleNamespace(close=lambda: setattr(self, "closed", True))

    def ask(self, _connection, statement, _seconds):
        self.said.append(statement)
        for refusal in self.refusals:
            raise refusal
        if statement == FOLLOWS:
            return [{"follows": self.follows, "there": self.there}]
        rows = [{"number": "7", "position": "0/7000028", "written_at": "2026-11-20T12:00:00.250000+00:00"}]
        return rows if statement == READ else []


@pytest.fixture
def server(monkeypatch):
    fake = FakeServer()
    monkeypatch.setattr(libpq, "connect", fake.connect)
    monkeypatch.setattr(libpq, "ask", fake.ask)
    return fake


@pytest.mark.parametrize(
    ("follows", "there", "wrote", "said"),
    [
        ("f", "t", True, [FOLLOWS, WRITE]),
        ("f", "f", True, [FOLLOWS, MAKE, WRITE]),
        ("t", "t", False, [FOLLOWS]),
    ],
    ids=["leader", "first", "standby"],
)
def test_the_leader_writes(server, follows, there, wrote, said):
    server.follows, server.there = follows, there
    with Canaries("/run/postgresql", 5432) as canaries:
        assert canaries.write() is wrote
    assert server.said == said
    assert server.closed


def test_what_is_there(server):
    with Canaries("/run/postgresql", 5432) as canaries:
        assert canaries.read() == (Canary(7, datetime(2026, 11, 20, 12, 0, 0, 250000, UTC), 0x7000028),)
        server.there = "f"
        assert canaries.read() == ()


@pytest.mark.parametrize("refusal", [libpq.Said("permission denied"), libpq.Unanswered("gone"), TimeoutError()])
def test_what_goes_wrong_is_said_with_the_place(server, refusal):
    server.refusals = [refusal]
    with Canaries("/run/postgresql", 5432) as canaries, pytest.raises(RemoteError, match="/run/postgresql, port 5432"):
        canaries.write()


def test_nobody_answers(monkeypatch):
    def connect(**_told):
        raise libpq.Unanswered("no such file")

    monkeypatch.setattr(libpq, "connect", connect)
    with pytest.raises(RemoteError, match="no such file"):
        Canaries("/run/postgresql", 5432)
