"""Standbys that are gone or cannot come back (faults F04 ...): what is on one member alone was never acknowledged."""

from __future__ import annotations

from collections.abc import Callable

from faults.clients import CANCELLED
from faults.nemesis.replication import (
    CancelledWaits,
    NoStandbys,
    ReplicasTooOld,
    RewindFails,
    SlotOverrun,
    StandbysReplayNothing,
)
from faults.verdict import Verdict

Happens = Callable[..., Verdict]


def test_F04_a_former_leader_cannot_be_rewound(happens: Happens) -> None:
    assert happens(RewindFails).problems == []


def test_F09_both_standbys_lost(happens: Happens) -> None:
    assert happens(NoStandbys).problems == []


def test_F12_waits_cancelled_and_the_leader_lost(happens: Happens) -> None:
    verdict = happens(CancelledWaits)
    assert verdict.problems == []
    warned = [write for write in verdict.history.writes if write.error == CANCELLED]
    assert warned, "somebody was told that its row may be lost"


def test_F01_standbys_have_replayed_nothing(happens: Happens) -> None:
    assert happens(StandbysReplayNothing).problems == []


def test_F06_standby_away_for_too_long(happens: Happens) -> None:
    """Nothing is lost, and the status names the one command that brings it back."""
    assert happens(SlotOverrun).problems == []


def test_G08_replicas_too_far_behind_for_readers(happens: Happens) -> None:
    assert happens(ReplicasTooOld).problems == []
