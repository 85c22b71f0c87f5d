"""Members that cannot start, or are interrupted on their way back (faults A04, A07, F05, F16, F17)."""

from __future__ import annotations

from collections.abc import Callable

from faults.nemesis.starting import (
    CannotStartAgain,
    CopyInterrupted,
    NameTaken,
    PatroniGone,
    RecoveryInterrupted,
    RewindInterrupted,
)
from faults.verdict import Verdict

Happens = Callable[..., Verdict]


def test_A04_postmaster_cannot_start_again(happens: Happens) -> None:
    assert happens(CannotStartAgain).problems == []


def test_A07_patroni_of_the_leader_dies_for_good(happens: Happens) -> None:
    assert happens(PatroniGone).problems == []


def test_F05_power_cut_during_a_rewind(happens: Happens) -> None:
    assert happens(RewindInterrupted).problems == []


def test_F05_recovery_interrupted(happens: Happens) -> None:
    assert happens(RecoveryInterrupted).problems == []


def test_F16_power_cut_during_a_copy(happens: Happens) -> None:
    assert happens(CopyInterrupted).problems == []


def test_F17_name_of_a_member_taken(happens: Happens) -> None:
    assert happens(NameTaken).problems == []
