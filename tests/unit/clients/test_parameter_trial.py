# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's own program where it is installed, and programs that answer oddly in its place."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import command, parameter_trial
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.parameter_trial import refused

INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
needs_postgresql = pytest.mark.skipif(not INSTALLED, reason="PostgreSQL is not installed")


@pytest.fixture(autouse=True)
def place(monkeypatch):
    """Where the files for its question go, as another user than this one; nothing may be left there."""
    with tempfile.TemporaryDirectory() as folder:
        (found := Path(folder)).chmod(0o711)
        monkeypatch.setattr(parameter_trial, "PLACE", found)
        yield
        assert not list(found.iterdir())


def program(folder: Path, body: str) -> Path:
    path = folder / "postgres"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@needs_postgresql
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"work_mem": "5MB", "archive_mode": True, "fsync": False, "max_connections": 200, "random_page_cost": 1.1},
        {"Work_Mem": "5MB", "work_memory": None},
        {"archive_command": "cp '%p' /a\\b/%f\n", "log_line_prefix": "%m it's "},
        {"pg_stat_statements.max": "much", "my.own_word": 1},
    ],
)
def test_what_postgresql_takes(parameters):
    assert refused(INSTALLED[-1], parameters) == {}


@needs_postgresql
@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("work_memory", "5MB", 'unrecognized configuration parameter "work_memory"'),
        ("work_mem", "much", 'invalid value for parameter "work_mem": "much"'),
        ("checkpoint_timeout", "7 weeks", 'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d"'),
        ("port", 0, '0 is outside the valid range for parameter "port" (1 .. 65535)'),
        ("wal_level", "full", "Available values: minimal, replica, logical"),
        ("block_size", 8192, 'parameter "block_size" cannot be changed'),
        ("work_mem = '1MB'\nport", 1, "this is no name of a parameter"),
        ("", 1, "this is no name of a parameter"),
    ],
)
def test_what_it_refuses_and_why(name, value, reason):
    told = refused(INSTALLED[-1], {"max_connections": 200, name: value, "log_connections": True}) or {}
    assert list(told) == [name]
    assert reason in told[name]
    assert "postgresql.conf" not in told[name]


@needs_postgresql
def test_everything_that_it_refuses_is_told_at_once():
    parameters = {"work_memory": 1, "work_mem": "much", "a b": 1, "max_connections": 200}
    assert (refused(INSTALLED[-1], parameters) or {}).keys() == {"work_memory", "work_mem", "a b"}


def test_where_it_is_not_installed_nobody_knows(tmp_path):
    assert refused(tmp_path / "postgres", {"work_memory": 1}) is None


@pytest.mark.parametrize("body", ["exit 1", "echo 'cannot execute' >&2; exit 127"])
def test_an_answer_that_makes_no_sense_is_no_refusal(tmp_path, monkeypatch, body):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(command.CommandError, match="ended with exit code"):
        refused(program(tmp_path, body), {"work_mem": 1})


def test_values_are_in_no_list_of_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    asked = program(tmp_path, f'echo "$@" > {tmp_path}/asked; cat "$2/postgresql.conf" > {tmp_path}/read')
    assert refused(asked, {"ssl_passphrase_command": "echo tops3cret"}) == {}
    assert "tops3cret" not in (tmp_path / "asked").read_text()
    assert "tops3cret" in (tmp_path / "read").read_text()
