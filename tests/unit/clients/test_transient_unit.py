# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import transient_unit
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.transient_unit import State, Work
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused, RemoteError

PROGRAM = """#!{python} -S
import json, pathlib, sys
here = pathlib.Path(__file__).parent
told = json.loads((here / "told").read_text())
name, arguments = pathlib.Path(__file__).name, sys.argv[1:]
with (here / "calls").open("a") as calls:
    calls.write(json.dumps([name, *arguments]) + "\\n")
code, output = told.get(arguments[0] if name == "systemctl" else name, [0, ""])
print(output)
sys.exit(code)
"""


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    """systemctl and systemd-run that answer as they are told, by verb: exit code and output."""
    for name in ("systemctl", "systemd-run"):
        (tmp_path / name).write_text(PROGRAM.format(python=sys.executable))
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    def tell(**answers):
        (tmp_path / "told").write_text(json.dumps({verb.replace("_", "-"): told for verb, told in answers.items()}))

    told: Any = tell
    told.calls = lambda: [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    tell()
    return told


def test_it_runs_as_somebody_and_writes_to_a_file(systemd):
    systemd(reset_failed=[1, ""])
    transient_unit.start(
        Work("a-1", ["tool", "%f", '"%p"', "$HOME", "a b"], "postgres", "/log", {"KillSignal": "SIGINT"})
    )
    cleared, started = systemd.calls()
    assert cleared == ["systemctl", "reset-failed", "a-1.service"]
    # systemd makes one dollar of two.
    assert started[started.index("--") + 1 :] == ["tool", "%f", '"%p"', "$$HOME", "a b"]
    wanted = {"StandardOutput=truncate:/log", "StandardError=append:/log", "KillSignal=SIGINT", "Type=exec"}
    assert {f"--property={each}" for each in wanted} | {"--unit=a-1", "--uid=postgres"} <= set(started)


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("ActiveState=active\nResult=success\nExecMainStatus=0", State(True)),
        ("ActiveState=deactivating\nResult=success\nExecMainStatus=0", State(True)),
        ("ActiveState=inactive\nResult=success\nExecMainStatus=0", State(False)),
        ("ActiveState=failed\nResult=exit-code\nExecMainStatus=38", State(False, 38, "exit-code")),
        ("ActiveState=failed\nResult=signal\nExecMainStatus=9", State(False, 9, "signal")),
    ],
)
def test_how_it_stands(systemd, told, state):
    systemd(show=[0, told])
    assert transient_unit.state("a") == state


def test_stopping_what_is_not_there_is_no_error(systemd):
    systemd(stop=[5, ""])
    transient_unit.stop("a")
    assert systemd.calls() == [["systemctl", "stop", "a.service"]]


def test_a_refusal_is_told_in_its_words(systemd):
    systemd(systemd_run=[1, ""])
    with pytest.raises(RemoteError, match="starting a: systemd-run ended with exit code 1"):
        transient_unit.start(Work("a", ["true"], "postgres", "/log"))


@pytest.mark.parametrize("unit", ["", "*", "a?", "a b", "../a", "-a", "a\n"])
def test_a_name_that_means_more_than_one_unit_is_refused(systemd, unit):
    for order in (transient_unit.stop, transient_unit.state):
        with pytest.raises(Refused, match="cannot be the name of a unit"):
            order(unit)
