"""Processes and hosts that die under load (faults A01 ...): nothing acknowledged is lost, and one member leads."""

from __future__ import annotations

import os
from collections.abc import Callable
from statistics import median

import pytest
from faults.nemesis.processes import (
    AllPowerCut,
    Frozen,
    KillPatroni,
    KillPostmaster,
    KillPostmasterThatMayRestart,
    KillPostmasterThatMayRestartUnseen,
    KillPostmasterUnseen,
    LeaderAndStandbyPowerCut,
    PowerCut,
    PowerCutAfterReload,
    SilentPatroni,
)
from faults.nemesis.silence import PowerCutAfterSilence
from faults.trial import MakeFault
from faults.verdict import Verdict

Happens = Callable[..., Verdict]
COMPARED_RUNS = int(os.environ.get("MATRIARCH_FAULTS_COMPARED_RUNS", "3"))


def test_A01_postmaster_killed_and_given_time_to_restart(happens: Happens) -> None:
    assert happens(KillPostmasterThatMayRestart).problems == []


def test_A02_postmaster_killed(happens: Happens) -> None:
    assert happens(KillPostmaster).problems == []


@pytest.mark.parametrize(
    ("seen", "unseen"),
    [
        pytest.param(KillPostmasterThatMayRestart, KillPostmasterThatMayRestartUnseen, id="A01"),
        pytest.param(KillPostmaster, KillPostmasterUnseen, id="A02"),
    ],
)
def test_the_waker_shortens_it(happens: Happens, seen: MakeFault, unseen: MakeFault) -> None:
    """In turns, so that both meet the same machine; how long PostgreSQL then needs to come back is another matter."""
    runs = [(happens(seen), happens(unseen)) for _run in range(COMPARED_RUNS)]
    assert [verdict.problems for pair in runs for verdict in pair if verdict.problems] == []
    woken, waited = ([noticed_after(verdict) for verdict in half] for half in zip(*runs, strict=True))
    assert median(woken) < median(waited), f"seconds until Patroni looked: {woken} with the waker, {waited} without"


def noticed_after(verdict: Verdict) -> float:
    assert isinstance(verdict.fault, KillPostmaster)
    return verdict.fault.noticed_after()


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


def test_A10_power_cut_soon_after_another_host_was_silent(happens: Happens) -> None:
    assert happens(PowerCutAfterSilence).problems == []


def test_A11_power_cut_of_all_hosts(happens: Happens) -> None:
    assert happens(AllPowerCut).problems == []


def test_F10_power_cut_of_the_leader_and_a_standby(happens: Happens) -> None:
    assert happens(LeaderAndStandbyPowerCut).problems == []
