"""The cluster that faults happen to, and what is told of each when all are over."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterator, Mapping

import pytest
from faults import aftermath, journals, surroundings, trial
from faults.arena import Arena
from faults.report import FOLDER, SURROUNDINGS, VERDICTS
from faults.selection import selected
from faults.trial import MakeFault
from faults.verdict import Verdict
from integration.conftest import cluster, connect, login, pytest_generate_tests
from integration.inventory import Cluster
from integration.operations import WHOLE_SECONDS, is_whole
from integration.watch import Connect, database_of_our_own, eventually, leader
from lab import Lab

__all__ = ["arena", "cluster", "connect", "happens", "login", "pytest_generate_tests", "tell"]

Happens = Callable[..., Verdict]


@pytest.fixture(scope="session")
def arena(cluster: Cluster, connect: Connect) -> Iterator[Arena]:
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    for name in database_of_our_own(connect, cluster, "faults_verification"):
        found = Arena(Lab(os.environ["MOLECULE_SCENARIO_NAME"]), cluster, connect, name)
        aftermath.prepare(found, leader(connect, cluster).name)
        FOLDER.mkdir(parents=True, exist_ok=True)
        SURROUNDINGS.write_text(json.dumps(surroundings.describe(found)))
        yield found
        eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints at once, whether the test goes well or not."""

    def tell(line: str) -> None:
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\n{line}", flush=True)

    return tell


@pytest.fixture
def happens(arena: Arena, tell: Callable[[str], None], request: pytest.FixtureRequest) -> Happens:
    """Have a fault happen; its verdict is printed in any case."""

    def happens(make: MakeFault, options: str = "", test: str = request.node.originalname) -> Verdict:
        with journals.kept(arena, test):
            verdict = trial.run(arena, make, options)
        tell(str(verdict))
        keep(test, verdict.as_dict())
        return verdict

    return happens


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed is told in the report, whatever its verdict was, and where it has none."""
    report = yield
    if report.failed and FOLDER.is_dir():
        why = report.longreprtext.splitlines()[-1:]
        keep(getattr(item, "originalname", item.name), {"failed": " ".join([f"{report.when}:", *why])})
    return report


def keep(test: str, told: Mapping[str, object]) -> None:
    """For the report, with what it is about: verdicts of other code are not shown beside it."""
    with VERDICTS.open("a") as kept:
        kept.write(json.dumps({"test": test, "collection": surroundings.commit(), **told}) + "\n")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What the run consists of; whoever names tests gets these."""
    which = os.environ.get("MATRIARCH_FAULTS", "all" if any("::" in word for word in config.args) else "short")
    left = [item for item in items if not selected(item.name, which)]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]
