"""What is lost beside the leader (faults A03 ... B04) moves nobody."""

from __future__ import annotations

from collections.abc import Callable

from faults.nemesis.bystanders import (
    KilledBackend,
    KilledEtcd,
    KilledHaproxy,
    KilledPooler,
    ProxiesReloaded,
    StandbyBehindBlackHole,
    StandbyIsolated,
    StandbyPowerCut,
)
from faults.verdict import Verdict

Happens = Callable[..., Verdict]


def test_A03_backend_killed(happens: Happens) -> None:
    assert happens(KilledBackend).problems == []


def test_A12_power_cut_of_a_standby(happens: Happens) -> None:
    assert happens(StandbyPowerCut).problems == []


def test_A15_etcd_killed(happens: Happens) -> None:
    assert happens(KilledEtcd).problems == []


def test_A16_haproxy_killed(happens: Happens) -> None:
    assert happens(KilledHaproxy).problems == []


def test_A17_pooler_killed(happens: Happens) -> None:
    assert happens(KilledPooler).problems == []


def test_B04_standby_isolated(happens: Happens) -> None:
    assert happens(StandbyIsolated).problems == []


def test_B13_nothing_large_reaches_a_standby(happens: Happens) -> None:
    assert happens(StandbyBehindBlackHole).problems == []


def test_G03_proxies_reloaded(happens: Happens) -> None:
    assert happens(ProxiesReloaded).problems == []
