# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import host_system
from ansible_collections.matriarch.pgcluster.plugins.modules import host_status
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.certificate import issue
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.haproxy import FakeHaproxy, UnixServer
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.pgbouncer import FakePgBouncer
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.wire import Table, WireServer

STANDING = {"in_recovery": True, "timeline": 3, "receive_lsn": "0/3000060", "replay_lag_seconds": 0}
ARCHIVER = {"enabled": True, "failed_count": 2, "ready_files": 7}
TRANSACTIONS = {"longest_transaction_seconds": 12.5, "prepared_transactions": 1}
STREAMING = {"application_name": "pg2 {{ x }}", "state": "streaming"}
DAMAGED = {"damaged_pages": {"shop": 2}}
SLOT = {"name": "pg3", "active": False, "retained_bytes": 2**33}


def postgres(statement, _parameters):
    """By the view that a statement reads."""
    views: dict[str, list[dict]] = {
        "pg_stat_archiver": [ARCHIVER],
        "pg_prepared_xacts": [TRANSACTIONS],
        "pg_stat_replication": [STREAMING],
        "pg_replication_slots": [SLOT],
        "pg_stat_database": [DAMAGED],
        "pg_stat_wal_receiver": [STANDING],
    }
    (rows,) = (rows for view, rows in views.items() if view in statement)
    return Table(("row",), [(json.dumps(row),) for row in rows])


@pytest.fixture
def place():
    """Short, for a socket's path has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="host-") as name:
        yield Path(name)


@pytest.fixture
def host(place):
    """Everything that a host can have, each thing well; and the options that ask for it."""
    running: list[FakePgBouncer | UnixServer | WireServer] = [
        FakePgBouncer(place, 6432),
        UnixServer(place / "admin.sock", FakeHaproxy().answer),
        WireServer(place, 5432, postgres),
    ]
    yield {
        "poolers": {"rw": {"socket_directory": str(place), "port": 6432}},
        "haproxy_socket": str(place / "admin.sock"),
        "certificates": [issue(place / "host.crt", "/CN=pg1", days=10)],
        "volumes": {"data": str(place)},
        "postgres_socket": str(place),
    }
    for server in running:
        server.stop()


def test_everything_that_is_well(host, run_module, monkeypatch):
    states = {
        "a.service": ("loaded", "active"),
        "b.service": ("loaded", "failed"),
        "c.service": ("not-found", "inactive"),
    }
    monkeypatch.setattr(
        host_system,
        "units",
        lambda names: {name: dict(zip(("load", "active"), states[name], strict=True)) for name in names},
    )
    answer = run_module(host_status, check_mode=True, **host, units=list(states))
    assert answer["problems"] == []
    assert answer["changed"] is False
    pooler = answer["poolers"]["rw"]
    assert [pool["database"] for pool in pooler.pop("pools")] == ["shop"]
    assert pooler == {
        "paused": False,
        "version": "1.24.1",
        "clients_active": 3,
        "clients_waiting": 2,
        "maxwait_seconds": 1.5,
    }
    assert [(s["backend"], s["name"], s["is_up"]) for s in answer["haproxy"][:2]] == [
        ("leader", "pg1", True),
        ("leader", "pg2", True),
    ]
    (certificate,) = answer["certificates"]
    assert (certificate["subject"], certificate["days_left"]) == ("CN=pg1", 9)
    assert certificate["not_after"].endswith("Z")
    (volume,) = answer["volumes"]
    assert volume["holds"] == host["volumes"]
    assert 0 < volume["free_bytes"] < volume["total_bytes"]
    assert answer["postgres"] == {
        **STANDING,
        "archiver": ARCHIVER,
        **TRANSACTIONS,
        "replication": [STREAMING],
        "slots": [SLOT],
        **DAMAGED,
    }
    assert answer["units"] == {"a.service": "active", "b.service": "failed", "c.service": "not-found"}


def test_nothing_asked_nothing_told(run_module):
    assert {
        "poolers": {},
        "haproxy": None,
        "certificates": [],
        "volumes": [],
        "postgres": None,
        "units": {},
        "outdated_units": [],
        "problems": [],
    }.items() <= run_module(host_status).items()


def test_what_does_not_answer_is_a_problem_each_and_no_failure(place, run_module, monkeypatch):
    monkeypatch.setenv("PATH", str(place))
    answer = run_module(
        host_status,
        poolers={"rw": {"socket_directory": str(place), "port": 6432}, "{{ x }}": {"port": 1}, "odd": 5},
        haproxy_socket=str(place / "admin.sock"),
        certificates=[str(place / "a.crt"), str(place / "b.crt")],
        postgres_socket=str(place),
        units=["a.service"],
    )
    assert "failed" not in answer
    assert answer["poolers"] == {"rw": None, "{{ x }}": None, "odd": None}
    assert (answer["haproxy"], answer["certificates"], answer["postgres"], answer["units"]) == (None, [], None, None)
    named = [problem.partition(":")[0] for problem in answer["problems"]]
    assert named == [
        f"certificate {place}/a.crt",
        f"certificate {place}/b.crt",
        "pooler rw",
        "pooler {{ x }}",
        "pooler odd",
        "haproxy",
        "postgres",
        "units",
    ]


def test_units_that_run_what_is_not_in_their_file_any_more(place, run_module, monkeypatch):
    """By systemd's own form of an answer, to the questions in their order."""
    states = {
        "before": ("active", "@1000"),
        "at once": ("active", "@1001"),
        "after": ("active", "@1002"),
        "stopped": ("inactive", "@900"),
        "starting": ("activating", "@1000"),
        "without a file": ("active", "@900"),
        "never": ("active", ""),
    }
    program = place / "program"
    program.touch()
    os.utime(program, (1001.5, 1001.5))
    asked = []

    def systemctl(command):
        asked.append(command)
        names = command[command.index("--") + 1 :]
        return "\n\n".join(
            f"ExecMainStartTimestamp={started}\nActiveState={active}"
            for active, started in (states[name] for name in names)
        )

    monkeypatch.setattr(host_system, "run", systemctl)
    programs = dict.fromkeys(states, str(program)) | {"without a file": str(place / "none")}
    answer = run_module(host_status, check_mode=True, programs=programs)
    assert (answer["outdated_units"], answer["problems"]) == (["before"], [])
    assert "--timestamp=unix" in asked[0]


@pytest.mark.parametrize("silenced", ["poolers", "haproxy_socket", "certificates", "postgres_socket"])
def test_one_that_is_gone_takes_nobody_with_it(host, run_module, silenced):
    gone = {
        "poolers": {"rw": {"socket_directory": "/nonexistent", "port": 1}},
        "haproxy_socket": "/nonexistent",
        "certificates": ["/nonexistent"],
        "postgres_socket": "/nonexistent",
    }
    answer = run_module(host_status, **{**host, silenced: gone[silenced]})
    (problem,) = answer["problems"]
    assert "/nonexistent" in problem
    told = {
        "poolers": answer["poolers"]["rw"],
        "haproxy_socket": answer["haproxy"],
        "certificates": answer["certificates"],
        "postgres_socket": answer["postgres"],
    }
    assert [part for part, found in told.items() if not found] == [silenced]
