"""Clocks that are wrong (faults E01 ...): nobody leads by them, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable

from faults.nemesis.clock import LeaderClockBack, LeaderClockForward, LeaderClockSkewed
from faults.verdict import Verdict

Happens = Callable[..., Verdict]


def test_E01_clock_of_the_leader_back_by_an_hour(happens: Happens) -> None:
    assert happens(LeaderClockBack).problems == []


def test_E02_clock_of_the_leader_forward_by_an_hour(happens: Happens) -> None:
    assert happens(LeaderClockForward).problems == []


def test_E03_clock_of_the_leader_skewed(happens: Happens) -> None:
    assert happens(LeaderClockSkewed).problems == []
