"""Processes and hosts that die under load (faults A01 ...): nothing acknowledged is lost, and one member leads."""

from __future__ import annotations

from collections.abc import Callable

from faults.nemesis.processes import (
    AllPowerCut,
    Frozen,
    KillPatroni,
    KillPostmaster,
    KillPostmasterThatMayRestart,
    LeaderAndStandbyPowerCut,
    PowerCut,
    PowerCutAfterReload,
    SilentPatroni,
)
from faults.verdict import Verdict

Happens = Callable[..., Verdict]


def test_A01_postmaster_killed_and_given_time_to_restart(happens: Happens) -> None:
    assert happens(KillPostmasterThatMayRestart).problems == []


def test_A02_postmaster_killed(happens: Happens) -> None:
    assert happens(KillPostmaster).problems == []


def test_A06_patroni_killed(happens: Happens) -> None:
    assert happens(KillPatroni).problems == []


def test_A08_patroni_of_the_leader_hangs(happens: Happens) -> None:
    assert happens(SilentPatroni).problems == []


def test_A09_host_of_the_leader_frozen_for_a_minute(happens: Happens) -> None:
    assert happens(Frozen).problems == []


def test_A10_power_cut_of_the_leader(happens: Happens) -> None:
    assert happens(PowerCut).problems == []


def test_A10_power_cut_after_a_reload_of_the_proxies(happens: Happens) -> None:
    assert happens(PowerCutAfterReload).problems == []


def test_A11_power_cut_of_all_hosts(happens: Happens) -> None:
    assert happens(AllPowerCut).problems == []


def test_F10_power_cut_of_the_leader_and_a_standby(happens: Happens) -> None:
    assert happens(LeaderAndStandbyPowerCut).problems == []
