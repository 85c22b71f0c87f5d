"""Networks that part (faults B01 ...): who cannot know whether it leads acknowledges nothing."""

from __future__ import annotations

from collections.abc import Callable

from faults.nemesis.network import (
    AnswersToAStandbyLost,
    EtcdPeersParted,
    LeaderInMinority,
    LeaderIsolated,
    LeaderWithoutEtcd,
    LeaderWithoutStandbys,
    LossyNetwork,
    RestBlocked,
)
from faults.verdict import Verdict

Happens = Callable[..., Verdict]


def test_B01_leader_isolated(happens: Happens) -> None:
    assert happens(LeaderIsolated).problems == []


def test_B02_leader_without_etcd(happens: Happens) -> None:
    assert happens(LeaderWithoutEtcd).problems == []


def test_B03_leader_without_standbys(happens: Happens) -> None:
    assert happens(LeaderWithoutStandbys).problems == []


def test_B08_etcd_peers_parted(happens: Happens) -> None:
    assert happens(EtcdPeersParted).problems == []


def test_B09_rest_of_the_leader_blocked(happens: Happens) -> None:
    assert happens(RestBlocked).problems == []


def test_B10_a_third_of_all_packets_lost(happens: Happens) -> None:
    assert happens(LossyNetwork).problems == []


def test_B10_answers_to_a_standby_lost(happens: Happens) -> None:
    assert happens(AnswersToAStandbyLost).problems == []


def test_B07_leader_and_clients_in_the_minority(happens: Happens) -> None:
    assert happens(LeaderInMinority).problems == []
