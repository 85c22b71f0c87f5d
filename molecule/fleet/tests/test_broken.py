"""A cluster that is broken, or wrongly declared, keeps no other one of its inventory from what a run does."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from integration.inventory import Cluster, Machine, load
from integration.operations import WHOLE_SECONDS, is_whole, play
from integration.watch import eventually
from lab import Lab
from testinfra.host import Host

Login = Callable[[Machine], Host]

PARAMETER = "log_min_duration_statement"


@pytest.fixture(scope="module")
def clusters() -> Iterator[dict[str, Cluster]]:
    found = {cluster.name: cluster for cluster in load()}
    yield found
    back = play(found["orders"], "site")
    assert back.ok, back.tail


def declared(clusters: dict[str, Cluster], folder: Path, **changes: dict[str, Any]) -> Cluster:
    """All clusters, with other words for some of them."""
    more = folder / "more.json"
    groups = {name: {"vars": variables} for name, variables in changes.items()}
    more.write_text(json.dumps({"all": {"children": groups}}))
    first = clusters["orders"]
    return replace(first, sources=(*first.sources, str(more)))


def logged(milliseconds: int) -> dict[str, Any]:
    return {"pgcluster_postgresql_parameters": {PARAMETER: f"{milliseconds}ms"}}


def has(login: Login, cluster: Cluster, milliseconds: int) -> bool:
    """Whether every member has the parameter, as its PostgreSQL says."""
    asked = f"runuser -u postgres -- psql -XAtc 'SHOW {PARAMETER}'"
    return all(login(member).run(asked).stdout.strip() == f"{milliseconds}ms" for member in cluster.postgres)


def test_one_that_is_refused(clusters: dict[str, Cluster], login: Login, tmp_path: Path) -> None:
    wrong = {**logged(1111), "pgcluster_protection": "perhaps"}
    run = play(declared(clusters, tmp_path, orders=logged(1111), stock=wrong), "site")
    assert not run.ok
    assert "perhaps" in run.stdout
    eventually("the other one has what it was told", 30, lambda: has(login, clusters["orders"], 1111))
    assert not has(login, clusters["stock"], 1111)


def test_one_whose_host_is_dead(clusters: dict[str, Cluster], login: Login, tmp_path: Path) -> None:
    """It takes a third of the common etcd with it."""
    lab = Lab(os.environ["MOLECULE_SCENARIO_NAME"])
    (dead,) = (machine.name for machine in clusters["stock"].postgres)
    lab.power_cut(dead)
    try:
        run = play(declared(clusters, tmp_path, orders=logged(2222), stock=logged(2222)), "site")
        assert not run.ok
        assert f"{dead}" in run.stdout
        eventually("the other one has what it was told", 30, lambda: has(login, clusters["orders"], 2222))
    finally:
        lab.start(dead)
    for cluster in clusters.values():
        eventually(f"{cluster} is whole", WHOLE_SECONDS, lambda each=cluster: is_whole(each))  # type: ignore[misc]


def test_all_of_them_afterwards(clusters: dict[str, Cluster], login: Login, tmp_path: Path) -> None:
    every = declared(clusters, tmp_path, orders=logged(3333), stock=logged(3333))
    run = play(every, "site")
    assert run.ok, run.tail
    for cluster in clusters.values():
        assert has(login, cluster, 3333)
    again = play(every, "site")
    assert not again.changed, again.tail
