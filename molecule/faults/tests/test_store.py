"""etcd without a majority (faults C01 ...)."""

from __future__ import annotations

from collections.abc import Callable

from faults.nemesis.etcd_disk import EtcdDiskFull
from faults.nemesis.etcd_slow import EtcdDiskSlow, EtcdSecondsLate
from faults.nemesis.store import (
    EtcdFull,
    EtcdMemberWiped,
    EtcdWithoutMajority,
    EtcdWithoutMajorityAndAStandbyDies,
    EtcdWithoutMajorityNorFailsafe,
)
from faults.verdict import Verdict

Happens = Callable[..., Verdict]


def test_C01_no_majority_with_failsafe_mode(happens: Happens) -> None:
    assert happens(EtcdWithoutMajority).problems == []


def test_C02_no_majority_and_a_standby_dies(happens: Happens) -> None:
    assert happens(EtcdWithoutMajorityAndAStandbyDies).problems == []


def test_C03_no_majority_without_failsafe_mode(happens: Happens) -> None:
    assert happens(EtcdWithoutMajorityNorFailsafe).problems == []


def test_C04_etcd_without_room(happens: Happens) -> None:
    assert happens(EtcdFull).problems == []


def test_C06_etcd_on_slow_disks(happens: Happens) -> None:
    assert happens(EtcdDiskSlow).problems == []


def test_C06_etcd_a_second_late(happens: Happens) -> None:
    assert happens(EtcdSecondsLate).problems == []


def test_C07_etcd_member_wiped(happens: Happens) -> None:
    assert happens(EtcdMemberWiped).problems == []


def test_C05_disk_of_an_etcd_full(happens: Happens) -> None:
    assert happens(EtcdDiskFull).problems == []
