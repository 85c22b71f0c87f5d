# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PostgreSQL answers itself is checked on real hosts; here is what becomes of its answers."""

from __future__ import annotations

import json
import tempfile
import threading
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.instance import Instance
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.wire import Hangup, ServerSays, Table, WireServer


@pytest.fixture
def serve():
    """A PostgreSQL that answers so; its socket's directory is short, for a socket's path has 107 bytes at most."""
    servers = []
    with tempfile.TemporaryDirectory(prefix="instance-") as name:

        def start(answer):
            servers.append(WireServer(Path(name), 5432, answer))
            return name

        yield start
        for server in servers:
            server.stop()


def rows(*answers):
    return Table(("row",), [(json.dumps(answer),) for answer in answers])


def test_types_survive_and_hostile_names_stay_what_they_are(serve):
    told = {"application_name": "{{ x }} '\"\n☃", "sent_lag_bytes": 2**40, "replay_lag_seconds": None, "active": True}
    with Instance(serve(lambda _statement, _parameters: rows(told, told)), 5432) as instance:
        assert instance.replication() == [told, told]
        assert instance.slots() == [told, told]
        assert instance.standing() == told


def test_it_comes_as_postgres_and_may_only_read(serve):
    logins = []

    def answer(_statement, parameters):
        logins.append(parameters)
        return rows({})

    with Instance(serve(answer), 5432, timeout=1.5) as instance:
        instance.transactions()
    assert (logins[0]["user"], logins[0]["database"]) == ("postgres", "postgres")
    assert logins[0]["options"] == "-c default_transaction_read_only=on -c statement_timeout=1500"


def test_an_error_is_told_in_its_words(serve):
    def refuse(_statement, _parameters):
        raise ServerSays("the database system is starting up")

    with (
        Instance(serve(refuse), 5432) as instance,
        pytest.raises(RemoteError, match="for the archiver: the database system is starting up"),
    ):
        instance.archiver()


def test_a_server_that_dies_is_an_error(serve):
    def die(_statement, _parameters):
        raise Hangup

    with Instance(serve(die), 5432) as instance, pytest.raises(RemoteError, match="for its standing"):
        instance.standing()


def test_a_frozen_server_is_given_up(serve):
    thaw = threading.Event()

    def freeze(_statement, _parameters):
        thaw.wait()

    try:
        with (
            Instance(serve(freeze), 5432, timeout=0.05) as instance,
            pytest.raises(RemoteError, match=r"for replication slots: no answer within 0\.05 s"),
        ):
            instance.slots()
    finally:
        thaw.set()


def test_nobody_there():
    with pytest.raises(RemoteError, match="connecting to PostgreSQL at /nonexistent, port 5432"):
        Instance("/nonexistent", 5432)
