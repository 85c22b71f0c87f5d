"""Networks that part (faults B01 ...): who cannot know whether it leads acknowledges nothing."""

from __future__ import annotations

from collections.abc import Callable

from faults.nemesis.network import LeaderIsolated, LeaderWithoutEtcd, LeaderWithoutStandbys
from faults.verdict import Verdict

Happens = Callable[..., Verdict]


def test_B01_leader_isolated(happens: Happens) -> None:
    assert happens(LeaderIsolated).problems == []


def test_B02_leader_without_etcd(happens: Happens) -> None:
    assert happens(LeaderWithoutEtcd).problems == []


def test_B03_leader_without_standbys(happens: Happens) -> None:
    assert happens(LeaderWithoutStandbys).problems == []
