"""Disks that are full, slow, hung or broken (faults D01 ...)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from faults.arena import Arena
from faults.nemesis.failing_disk import FlippedByte, ReadOnly, Slow
from faults.nemesis.full_disk import BALLAST, DiskFull, InodesUsedUp, StandbysDiskFull, WalVolumeFull
from faults.nemesis.hanging_disk import (
    Hung,
    HungInPause,
    HungWithoutSentry,
    HungWithoutStandbys,
    StandbyHung,
    WalHung,
)
from faults.trial import MakeFault
from faults.verdict import Verdict
from integration.operations import play

MAKES_BALLAST = "matriarch.pgcluster.patroni : Keep room back for the day when the disk is full"
Happens = Callable[..., Verdict]


def test_D01_disk_of_the_leader_full(happens: Happens, arena: Arena) -> None:
    """With its ballast gone PostgreSQL starts, and the next run makes it anew."""
    verdict = happens(DiskFull)
    assert verdict.problems == []
    assert play(arena.cluster, "site").changes == [MAKES_BALLAST]
    assert arena.shell(verdict.fault.leader, f"ls {BALLAST}") != ""


def test_D02_volume_of_wal_full(happens: Happens) -> None:
    assert happens(WalVolumeFull).problems == []


def test_D03_disk_of_a_standby_full(happens: Happens) -> None:
    assert happens(StandbysDiskFull).problems == []


def test_D04_disk_of_the_leader_slow(happens: Happens) -> None:
    assert happens(Slow).problems == []


def test_D05_disk_of_the_leader_hangs(happens: Happens) -> None:
    assert happens(Hung).problems == []


@pytest.mark.parametrize("fault", [HungInPause, HungWithoutStandbys])
def test_a_disk_that_hangs_costs_no_leader_where_nobody_may_take_over(happens: Happens, fault: MakeFault) -> None:
    assert happens(fault).problems == []


def test_a_disk_of_wal_alone_hangs(happens: Happens) -> None:
    assert happens(WalHung).problems == []


def test_without_a_sentry_the_leader_waits_for_its_disk(happens: Happens, arena: Arena) -> None:
    """Nothing of it is left; the next run without that wish has it back."""
    checked = play(arena.cluster, "site", check=True, patroni_hung_disk_seconds=0)
    assert (checked.ok, sentries(arena)) == (True, {"active"}), checked.tail
    try:
        done = play(arena.cluster, "site", patroni_hung_disk_seconds=0)
        assert (done.ok, sentries(arena)) == (True, {"inactive"}), done.tail
        for name in arena.names:
            assert "sentry" not in arena.shell(name, "ls /etc/matriarch /usr/local/libexec /etc/systemd/system")
        assert play(arena.cluster, "site", patroni_hung_disk_seconds=0).changes == []
        verdict = happens(HungWithoutSentry)
    finally:
        back = play(arena.cluster, "site")
    assert verdict.problems == []
    assert (back.ok, sentries(arena)) == (True, {"active"}), back.tail


def sentries(arena: Arena) -> set[str]:
    """As systemd has them."""
    return {arena.shell(name, "systemctl is-active matriarch-sentry || :") for name in arena.names}


def test_a_disk_of_a_standby_hangs(happens: Happens) -> None:
    assert happens(StandbyHung).problems == []


def test_D06_disk_of_the_leader_fails(happens: Happens) -> None:
    assert happens(ReadOnly).problems == []


def test_D07_byte_flipped_on_a_standby(happens: Happens) -> None:
    assert happens(FlippedByte).problems == []


def test_D08_inodes_of_the_leader_used_up(happens: Happens) -> None:
    assert happens(InodesUsedUp).problems == []
