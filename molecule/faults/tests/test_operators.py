"""Operators who die or meet each other, and data that is not ours (faults J01, J02, J08)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from faults.arena import Arena
from faults.nemesis.operators import BadParameters, OperatorDies, StandbyDiesDuringRestart, TwoOperators
from faults.verdict import Verdict
from integration.inventory import Cluster
from integration.operations import begun, play, standing

Happens = Callable[..., Verdict]
# The moments at which the operator dies, as parts of the tasks of an undisturbed run.
MOMENTS = [0.15, 0.4, 0.65, 0.9]
NEWCOMER = "db4"
FOREIGN = "/var/lib/postgresql/17/main/PG_VERSION"


@pytest.fixture(scope="module")
def tasks(cluster: Cluster) -> int:
    """Of a run that changes nothing; one that does has more."""
    outcome = play(cluster, "site")
    assert outcome.ok, outcome.tail
    count = begun(outcome.stdout)
    assert count, outcome.tail
    return count


@pytest.mark.parametrize("moment", MOMENTS)
def test_J01_operator_dies_during_a_deployment(happens: Happens, cluster: Cluster, tasks: int, moment: float) -> None:
    verdict = happens(lambda arena, leader: OperatorDies(arena, leader, int(moment * tasks)))
    assert verdict.problems == []
    again = play(cluster, "site")
    assert again.ok, again.tail
    assert not again.changed, again.tail


def test_J02_two_operators_at_a_time(happens: Happens) -> None:
    assert happens(TwoOperators).problems == []


@pytest.fixture
def newcomer(arena: Arena, cluster: Cluster, tmp_path: Path) -> Iterator[Cluster]:
    """The cluster as it shall be with one more data host, on which somebody else's data lie."""
    inventory = tmp_path / "newcomer.json"
    inventory.write_text(json.dumps({"postgres": {"hosts": {NEWCOMER: None}}}))
    arena.lab.up(NEWCOMER, suite="trixie")
    try:
        arena.shell(NEWCOMER, f"mkdir -p $(dirname {FOREIGN}) && echo 17 > {FOREIGN}")
        yield replace(cluster, sources=(*cluster.sources, str(inventory)))
    finally:
        arena.lab.down(NEWCOMER, purge=True)


def test_J08_data_of_somebody_else_on_a_host_that_joins(arena: Arena, cluster: Cluster, newcomer: Cluster) -> None:
    before = standing(arena.connect, cluster)
    outcome = play(newcomer, "site")
    assert not outcome.ok
    assert "that this cluster did not make" in outcome.stdout
    assert arena.shell(NEWCOMER, f"cat {FOREIGN}") == "17"
    assert arena.shell(NEWCOMER, "ls -A /etc/matriarch 2>/dev/null || :") == ""
    assert standing(arena.connect, cluster) == before


def test_C12_parameters_that_postgresql_would_refuse(happens: Happens) -> None:
    assert happens(BadParameters).problems == []


def test_J12_standby_dies_during_a_rolling_restart(happens: Happens) -> None:
    assert happens(StandbyDiesDuringRestart).problems == []
