# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import dead_man
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused, RemoteError
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.systemd import FakeSystemd


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    return FakeSystemd(tmp_path)


def test_a_timer_is_armed_seen_and_disarmed(systemd):
    seen = [dead_man.is_armed("matriarch-resume-rw")]
    dead_man.arm("matriarch-resume-rw", 30, ["true"])
    seen.append(dead_man.is_armed("matriarch-resume-rw"))
    dead_man.disarm("matriarch-resume-rw")
    seen.append(dead_man.is_armed("matriarch-resume-rw"))
    assert seen == [False, True, False]


@pytest.mark.parametrize(
    ("seconds", "told"), [(30, "30000ms"), (0.25, "250ms"), (1_000_000, "1000000000ms"), (1e-4, "0ms")]
)
def test_the_command_is_handed_over_as_it_is(systemd, seconds, told):
    command = ["systemctl", "kill", "--signal=SIGUSR2", "a b; {{ x }} $(id) '\"\n☃"]
    dead_man.arm("a-1", seconds, command)
    (called,) = systemd.calls("systemd-run")
    assert called[called.index("--") + 1 :] == command
    assert {"--unit=a-1", f"--on-active={told}", "--timer-property=AccuracySec=100ms", "--collect"} < set(called)


def test_arming_again_extends(systemd):
    for _time in range(2):
        dead_man.arm("a", 5, ["true"])  # the fake, like systemd, refuses a unit that is there
    assert systemd.armed == {"a"}
    assert len(systemd.calls("systemd-run")) == 2


def test_disarming_also_ends_a_command_that_runs_just_now(systemd):
    (systemd.path / "a.service").touch()
    dead_man.arm("a", 5, ["true"])
    assert not (systemd.path / "a.service").exists()


def test_a_command_that_fails_is_tried_again(systemd):
    dead_man.arm("a", 5, ["false"], (0, 3))
    (called,) = systemd.calls("systemd-run")
    told = {"--property=Restart=on-failure", "--property=RestartSec=5s", "--property=SuccessExitStatus=3"}
    assert told < set(called[: called.index("--")])


@pytest.mark.parametrize(
    ("state", "armed"), [("", True), ("activating", True), ("deactivating", True), ("failed", False)]
)
def test_one_that_runs_or_is_to_be_run_again_is_armed_without_its_timer(systemd, state, armed):
    (systemd.path / "a.service").write_text(state)
    assert dead_man.is_armed("a") is armed


def test_disarming_what_is_not_armed_is_no_error(systemd):
    dead_man.disarm("a")
    assert systemd.calls("systemctl") == [["stop", "a.timer", "a.service"]]


@pytest.mark.parametrize(
    "unit", ["", "*", "a*", "a?", "[a]", "a b", "a/b", "../a", "-a", "a\n", "{{ a }}", "a;b", "a\0", "é"]
)
def test_a_name_that_means_more_than_one_unit_is_refused(systemd, unit):
    for order in (dead_man.disarm, dead_man.is_armed, lambda unit: dead_man.arm(unit, 5, ["true"])):
        with pytest.raises(Refused, match="cannot be the name of a unit"):
            order(unit)
    assert systemd.calls("systemctl") == []


@pytest.mark.parametrize(("program", "asked"), [("systemctl", "disarming"), ("systemd-run", "arming")])
def test_a_refusal_is_told_in_its_words(systemd, program, asked):
    systemd.refuse(program)
    with pytest.raises(RemoteError, match=f"^{asked} a: {program} ended with exit code 1: Failed: Unit is masked"):
        dead_man.arm("a", 5, ["true"])


def test_a_host_without_systemd(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RemoteError, match=r"looking for a: .*systemctl"):
        dead_man.is_armed("a")
