"""Leadership that moves while something is in its way (faults F02, G01, H02)."""

from __future__ import annotations

from collections.abc import Callable

from faults.nemesis.handover import (
    CandidateReceivesNothing,
    Demoted,
    DemotedBeforeAMob,
    DemotedWhileArchivingFails,
    DemotedWithoutNames,
    PromotionTakesLong,
)
from faults.verdict import Verdict

Happens = Callable[..., Verdict]


def test_F02_receiver_of_the_candidate_hangs(happens: Happens) -> None:
    assert happens(CandidateReceivesNothing).problems == []


def test_G01_demotion_with_idle_pooled_clients(happens: Happens) -> None:
    assert happens(Demoted).problems == []


def test_H02_demotion_while_archiving_fails(happens: Happens) -> None:
    assert happens(DemotedWhileArchivingFails).problems == []


def test_B12_demotion_while_no_name_is_resolved(happens: Happens) -> None:
    assert happens(DemotedWithoutNames).problems == []


def test_G02_promotion_takes_long(happens: Happens) -> None:
    """The endpoints stay closed until the new leader takes writes: nobody is told that it is read-only."""
    verdict = happens(PromotionTakesLong)
    assert verdict.problems == []
    assert [write.error for write in verdict.history.writes if "read-only" in write.error] == []


def test_G06_hundreds_of_clients_after_a_demotion(happens: Happens) -> None:
    assert happens(DemotedBeforeAMob).problems == []
