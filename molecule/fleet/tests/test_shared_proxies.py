"""Clients that reach a cluster at the proxies of another one meet what they would at its own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from integration.inventory import Cluster, Machine, load
from integration.load import Load
from integration.operations import HELD_SECONDS, WHOLE_SECONDS, is_whole, play
from integration.watch import Connect, eventually
from testinfra.host import Host

from .test_broken import declared

Login = Callable[[Machine], Host]
FOUND_SECONDS = 15
ORDERS = {"rw_port": 5020, "ro_port": 5021, "pooled_rw_port": 6452, "pooled_ro_port": 6453}


@pytest.fixture
def shared(cluster: Cluster) -> str:
    """The pooled endpoint at another cluster's proxy; for a cluster that has members to lose."""
    if len(cluster.postgres) == 1:
        pytest.skip("it has a single member")
    return f"pooled-rw-at-{cluster.shared[0][0]}"


def test_a_switchover_is_without_an_error(connect: Connect, cluster: Cluster, database: str, shared: str) -> None:
    with Load(connect, cluster, database, shared) as at_work:
        outcome = play(cluster, "switchover", cluster=cluster.name)
        assert outcome.ok, outcome.tail
        at_work.await_everybody(HELD_SECONDS)
    assert at_work.errors == [], at_work
    assert at_work.lost() == set(), at_work
    assert at_work.longest_gap < HELD_SECONDS, at_work
    eventually("every member follows the new leader", WHOLE_SECONDS, lambda: is_whole(cluster))


@pytest.fixture
def lost_proxy(cluster: Cluster, login: Login) -> Iterator[Callable[[], None]]:
    units = "haproxy pgbouncer@rw pgbouncer@ro"
    host = login(cluster.proxy[0])
    yield lambda: print(host.check_output(f"systemctl stop {units}"))
    host.check_output(f"systemctl start {units}")
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))


def test_another_proxy_takes_over_from_one_that_is_lost(
    connect: Connect, cluster: Cluster, database: str, shared: str, lost_proxy: Callable[[], None]
) -> None:
    with Load(connect, cluster, database, shared) as at_work:
        lost_proxy()
        at_work.await_everybody(FOUND_SECONDS)
    assert at_work.lost() == set(), at_work


def test_who_is_let_in_is_decided_there(connect: Connect, cluster: Cluster) -> None:
    """The passwords of one cluster are of no use at the endpoints of another, wherever these are."""
    (other,) = (each for each in load() if each != cluster)
    at_ours = [endpoint for endpoint in other.rw if "-at-" in endpoint.name]
    assert at_ours
    for endpoint in at_ours:
        own = functools.partial(connect, endpoint, password=other.secret("admin_password"))
        # A HAProxy that was started a moment ago believes in nobody yet.
        eventually(f"{endpoint} lets its own in", FOUND_SECONDS, lambda own=own: own().close() is None)  # type: ignore[misc]
        with pytest.raises(psycopg.OperationalError, match="auth"):
            connect(endpoint)


def test_a_cluster_that_is_not_there_is_refused(tmp_path: Path) -> None:
    clusters = {cluster.name: cluster for cluster in load()}
    wrong = {"pgcluster_proxies_shared_with": {"sales": ORDERS}}
    run = play(declared(clusters, tmp_path, stock=wrong), "site", cluster="stock")
    assert not run.ok
    assert "names 'sales', which is no other cluster of the inventory (one of orders)" in run.stdout
    assert not run.changed


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    clusters = {cluster.name: cluster for cluster in load()}
    wrong = {"pgcluster_proxies_shared_with": {"orders": {**ORDERS, "rw_port": 5000}}}
    run = play(declared(clusters, tmp_path, stock=wrong), "site", cluster="stock")
    assert not run.ok
    assert "2 of its services are to listen on port 5000 [port_conflict]" in run.stdout
    assert not run.changed
