"""Leadership moves, and clients of the pooled endpoint see a pause and no error; what would harm them is refused."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from integration.inventory import Cluster, Endpoint, Machine
from integration.load import Load
from integration.operations import HELD_SECONDS, WHOLE_SECONDS, is_whole, play, standing, thorough
from integration.watch import Connect, eventually, streaming, value
from testinfra.host import Host

Login = Callable[[Machine], Host]
LeftBehind = Callable[..., list[str]]
RUNS = int(os.environ.get("MATRIARCH_OPERATIONS_RUNS", "2"))
LONG_SECONDS = 6  # a transaction on the leader that is older than 5 s counts as long

pytestmark = pytest.mark.usefixtures("whole")


def test_clients_see_no_error(
    connect: Connect, cluster: Cluster, login: Login, database: str, left_behind: LeftBehind
) -> None:
    begun = time.time()
    with Load(connect, cluster, database) as load:
        candidate: dict[str, Any] = {}
        for _number in range(RUNS):
            old, timeline = standing(connect, cluster)
            outcome = play(cluster, "switchover", **candidate)
            assert outcome.ok, outcome.tail
            assert load.errors == [], load
            new, now = standing(connect, cluster)
            assert (new != old, now) == (True, timeline + 1)
            assert outcome.report["result"]["leader"] == new.name
            assert outcome.report["clients"]["endpoints"]["pooled-rw"]["errors"] == 0, outcome.report["clients"]
            assert outcome.report["clients"]["lost_acknowledged"] == 0, outcome.report["clients"]
            eventually("every member follows the new leader", WHOLE_SECONDS, lambda: is_whole(cluster))
            candidate = {"candidate": old.name}
        load.await_everybody(HELD_SECONDS)
    assert load.errors == [], load
    assert load.lost() == set(), load
    assert load.longest_gap < HELD_SECONDS, load
    assert left_behind() == []
    for machine in cluster.postgres:
        journal = login(machine).check_output("journalctl --unit=patroni --output=cat --since=@%s", f"{begun:.0f}")
        # Patroni asks pg_rewind where it cannot tell the end of the log from what a recycled segment had before.
        assert "rewinding from last common checkpoint" not in journal, f"{machine} had to be rewound"


def test_check_mode_names_the_candidate_and_changes_nothing(connect: Connect, cluster: Cluster) -> None:
    before = standing(connect, cluster)
    outcome = play(cluster, "switchover", check=True)
    assert outcome.ok, outcome.tail
    plan = outcome.report["result"]["plan"]
    assert plan["leader"] == before[0].name
    assert plan["candidate"] in {machine.name for machine in cluster.postgres} - {plan["leader"]}
    assert plan["blockers"] == []
    assert f"{plan['leader']} hands over to {plan['candidate']}" in outcome.said
    assert standing(connect, cluster) == before


def test_a_candidate_that_leads_already_changes_nothing(connect: Connect, cluster: Cluster) -> None:
    before = standing(connect, cluster)
    outcome = play(cluster, "switchover", candidate=before[0].name)
    assert outcome.ok, outcome.tail
    assert outcome.report["result"]["changed"] is False
    assert standing(connect, cluster) == before


@thorough
def test_an_unknown_candidate_is_refused(connect: Connect, cluster: Cluster) -> None:
    before = standing(connect, cluster)
    outcome = play(cluster, "switchover", candidate="nobody's host")
    assert not outcome.ok
    assert outcome.report["outcome"] == "refused"
    assert '"nobody\'s host" is no member' in outcome.said
    assert all(machine.name in outcome.said for machine in cluster.postgres)
    assert standing(connect, cluster) == before


def test_a_long_transaction_is_refused(
    connect: Connect, cluster: Cluster, database: str, left_behind: LeftBehind
) -> None:
    before = standing(connect, cluster)
    with transaction(connect, cluster.rw[0], database) as slow:
        eventually("the transaction is a long one", 3 * LONG_SECONDS, lambda: age(slow) > LONG_SECONDS)
        outcome = play(cluster, "switchover")
        assert not outcome.ok
        assert "Nothing was changed" in outcome.said
        assert "[long_transaction]" in outcome.said
        assert "a slow report" in outcome.said
        assert left_behind() == []
        assert value(slow, "SELECT 1") == 1, "the transaction lives on"
    assert standing(connect, cluster) == before


def test_clients_are_let_go_when_a_pooled_transaction_does_not_end(
    connect: Connect, cluster: Cluster, database: str, left_behind: LeftBehind
) -> None:
    before = standing(connect, cluster)
    pooled = next(endpoint for endpoint in cluster.rw if endpoint.name == "pooled-rw")
    with Load(connect, cluster, database) as load, transaction(connect, pooled, database) as slow:
        outcome = play(cluster, "switchover", accept="long_transaction")
        assert not outcome.ok
        assert "Nothing was changed" in outcome.said
        assert "did not come to rest" in outcome.said
        assert "a slow report" in outcome.said
        load.await_everybody(HELD_SECONDS)
        assert left_behind() == []
        assert value(slow, "SELECT 1") == 1, "the transaction lives on"
    assert load.errors == [], load
    assert load.lost() == set(), load
    assert standing(connect, cluster) == before
    assert streaming(connect, cluster.rw[0]) == len(cluster.postgres) - 1


def transaction(connect: Connect, endpoint: Endpoint, database: str) -> psycopg.Connection[Any]:
    """A session that has begun a transaction, for `with`."""
    session = connect(endpoint, dbname=database, autocommit=False, application_name="a slow report")
    session.execute("SELECT count(*) FROM written")
    return session


def age(session: psycopg.Connection[Any]) -> float:
    """Of the session's transaction, in seconds."""
    return float(value(session, "SELECT extract(epoch FROM clock_timestamp() - now())"))
