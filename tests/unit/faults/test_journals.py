# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts said is kept in any case, and never in the way of what went wrong."""

from __future__ import annotations

from subprocess import CompletedProcess
from types import SimpleNamespace
from typing import Any

import pytest
from faults import journals
from lab import LabError


def execute(name, *command):
    if name == "off":
        raise LabError("off: the host is off")
    return CompletedProcess(command, 0, f"{command[0]} of {name}", "")


def test_a_host_that_is_off_does_not_hide_why_a_trial_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(journals, "JOURNALS", tmp_path)
    arena: Any = SimpleNamespace(names=["on", "off"], lab=SimpleNamespace(execute=execute))
    with pytest.raises(ValueError, match="the trial"), journals.kept(arena, "test_A01"):
        raise ValueError("the trial")
    (folder,) = tmp_path.iterdir()
    assert folder.name.endswith("-test_A01")
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "on.log": "journalctl of on",
        "off.log": "off: the host is off",
    }
