"""The cluster that faults happen to, and what is told of each when all are over."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator

import pytest
from faults import aftermath, trial
from faults.arena import Arena
from faults.report import VERDICTS
from faults.trial import MakeFault
from faults.verdict import Verdict
from integration.conftest import cluster, connect, login, pytest_generate_tests
from integration.inventory import Cluster
from integration.operations import WHOLE_SECONDS, is_whole
from integration.watch import Connect, database_of_our_own, eventually, leader
from lab import Lab

__all__ = ["arena", "cluster", "connect", "happens", "login", "pytest_generate_tests"]

Happens = Callable[..., Verdict]


@pytest.fixture(scope="session")
def arena(cluster: Cluster, connect: Connect) -> Iterator[Arena]:
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    for name in database_of_our_own(connect, cluster, "faults_verification"):
        found = Arena(Lab(os.environ["MOLECULE_SCENARIO_NAME"]), cluster, connect, name)
        aftermath.prepare(found, leader(connect, cluster).name)
        yield found
        eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))


@pytest.fixture
def happens(arena: Arena, request: pytest.FixtureRequest) -> Happens:
    """Have a fault happen; its verdict is printed in any case."""

    def happens(make: MakeFault, options: str = "") -> Verdict:
        verdict = trial.run(arena, make, options)
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\n{verdict}", flush=True)
        VERDICTS.parent.mkdir(parents=True, exist_ok=True)
        with VERDICTS.open("a") as kept:
            kept.write(json.dumps({"test": request.node.originalname, **verdict.as_dict()}) + "\n")
        return verdict

    return happens
