# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fault on a host: put in and seen to act, or undone; with systemctl, systemd-run and nft that are played."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fault import host
from ansible_collections.matriarch.pgcluster.plugins.modules import host_fault
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.systemd import FakeSystemd

NFT = """#!/bin/sh
case $1 in
    --json) echo '{"nftables": [{"metainfo": {}}, {"rule": {"expr": [{"counter": {"packets": PACKETS}}]}}]}' ;;
    *) echo "$1" >> HERE/rules ;;
esac
"""


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSystemd:
    """Commands other than those of the fakes are this machine's own."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(host, "NOTE", tmp_path / "fault.json")
    monkeypatch.setattr(host, "ACTING", 0.3)
    return FakeSystemd(tmp_path / "bin")


def with_nft(systemd: FakeSystemd, packets: int) -> Path:
    """Returns the file with what it was told."""
    program = systemd.path / "nft"
    program.write_text(NFT.replace("PACKETS", str(packets)).replace("HERE", str(systemd.path)), encoding="utf-8")
    program.chmod(0o755)
    return systemd.path / "rules"


def parted(run_module: RunModule, **more: Any) -> dict[str, Any]:
    return run_module(host_fault, fault="partition", peers=["10.0.0.12"], heal_after=40, **more)


def healed(run_module: RunModule, **more: Any) -> dict[str, Any]:
    return run_module(host_fault, state="healed", **more)


def test_a_partition_is_put_in_with_its_timer_seen_and_undone(systemd: FakeSystemd, run_module: RunModule) -> None:
    rules = with_nft(systemd, packets=7)
    assert parted(run_module)["changed"]
    assert "10.0.0.12" in rules.read_text(encoding="utf-8")
    assert systemd.armed == {host.TIMER}
    (timer,) = systemd.calls("systemd-run")
    assert "--on-active=40000ms" in timer
    assert timer[-2:] == ["nft", "add table inet matriarch_fault; delete table inet matriarch_fault"]
    told = healed(run_module)
    assert (told["changed"], told["was_in"], told["healed_itself"]) == (True, "partition", False)
    assert rules.read_text(encoding="utf-8").splitlines()[-1] == timer[-1]
    assert systemd.armed == set()
    again = healed(run_module)
    assert (again["changed"], again["was_in"]) == (False, None)


def test_what_does_not_act_is_undone_at_once(systemd: FakeSystemd, run_module: RunModule) -> None:
    rules = with_nft(systemd, packets=0)
    assert "could not be seen to act" in parted(run_module)["msg"]
    assert rules.read_text(encoding="utf-8").splitlines()[-1].endswith("delete table inet matriarch_fault")
    assert systemd.armed == set()
    assert healed(run_module)["was_in"] is None


def test_a_second_fault_is_refused_while_one_is_in(systemd: FakeSystemd, run_module: RunModule) -> None:
    with_nft(systemd, packets=7)
    parted(run_module)
    again = parted(run_module)
    assert "another fault is in" in again["msg"]
    assert again["refused"]


def test_a_host_that_healed_itself_says_so(systemd: FakeSystemd, run_module: RunModule) -> None:
    with_nft(systemd, packets=7)
    parted(run_module)
    (systemd.path / f"{host.TIMER}.timer").unlink()  # it has fired
    assert healed(run_module)["healed_itself"]


def test_check_mode_changes_nothing(systemd: FakeSystemd, run_module: RunModule) -> None:
    rules = with_nft(systemd, packets=7)
    assert parted(run_module, check_mode=True)["changed"]
    assert not rules.exists()
    assert systemd.armed == set()
    parted(run_module)
    assert healed(run_module, check_mode=True)["was_in"] == "partition"
    assert systemd.armed == {host.TIMER}


def test_a_program_that_is_missing_is_refused_before_anything_happens(
    systemd: FakeSystemd, run_module: RunModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(systemd.path))
    answer = parted(run_module)
    assert "apt-get install nftables" in answer["msg"]
    assert answer["refused"]
    assert systemd.armed == set()


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_postgresql_is_killed_by_the_number_in_its_data(
    systemd: FakeSystemd, run_module: RunModule, tmp_path: Path, victim: subprocess.Popen[bytes]
) -> None:
    (tmp_path / "postmaster.pid").write_text(f"{victim.pid}\n/data\n", encoding="utf-8")
    assert run_module(host_fault, fault="kill_postgres", data_directory=str(tmp_path))["changed"]
    assert victim.wait() == -9
    assert systemd.armed == set()
    assert json.loads(host.NOTE.read_text(encoding="utf-8"))["heal"] == []
    assert healed(run_module)["was_in"] == "kill_postgres"


@pytest.mark.parametrize("fault", ["kill_postgres", "freeze_patroni"])
def test_what_does_not_run_cannot_be_broken(
    systemd: FakeSystemd, run_module: RunModule, tmp_path: Path, fault: str
) -> None:
    answer = run_module(host_fault, fault=fault, data_directory=str(tmp_path))
    assert "does not run on this host" in answer["msg"]
    assert not host.NOTE.exists()


def test_services_are_stopped_and_started(systemd: FakeSystemd, run_module: RunModule) -> None:
    for name in ("--no-block", "etcd.service"):  # the fake takes both for units
        (systemd.path / name).touch()
    assert run_module(host_fault, fault="stop_etcd")["changed"]
    assert ["stop", "--no-block", "etcd.service"] in systemd.calls("systemctl")
    assert healed(run_module)["changed"]
    assert ["start", "etcd.service"] in systemd.calls("systemctl")


def test_a_fault_that_the_system_refuses_leaves_no_timer(systemd: FakeSystemd, run_module: RunModule) -> None:
    with_nft(systemd, packets=7)
    (systemd.path / "nft").write_text("#!/bin/sh\necho 'no such table' >&2; exit 1\n", encoding="utf-8")
    assert "no such table" in parted(run_module)["msg"]


def test_a_fault_needs_a_name(run_module: RunModule) -> None:
    assert "fault" in run_module(host_fault, state="injected")["msg"]
