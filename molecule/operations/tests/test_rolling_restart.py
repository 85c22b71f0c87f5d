"""A parameter that needs a restart gets it on every member, and clients of the pooled endpoint see no error."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from integration.inventory import Cluster, Machine
from integration.load import Load
from integration.operations import WHOLE_SECONDS, is_whole, members, play, started, thorough
from integration.watch import Connect, eventually, value
from testinfra.host import Host

Login = Callable[[Machine], Host]
LeftBehind = Callable[..., list[str]]
NOTICED_SECONDS = 30

pytestmark = pytest.mark.usefixtures("whole")


def test_a_raised_parameter(
    connect: Connect, cluster: Cluster, login: Login, database: str, left_behind: LeftBehind
) -> None:
    wanted = change_max_connections(connect, cluster, +10)
    before, begun = started(connect, cluster), time.time()
    restart_under_load(connect, cluster, database)
    assert max_connections(connect, cluster) == {wanted}
    assert left_behind() == []
    for machine in cluster.postgres:
        journal = login(machine).check_output("journalctl --unit=patroni --output=cat --since=@%s", f"{begun:.0f}")
        assert journal.count("postmaster pid=") == 1, f"{machine} was to be restarted once"

    after = started(connect, cluster)
    assert [name for name, since in after.items() if since == before[name]] == []
    again = play(cluster, "rolling_restart")
    assert again.ok, again.tail
    assert again.report["result"]["steps"] == []
    assert started(connect, cluster) == after


@thorough
def test_a_lowered_parameter(connect: Connect, cluster: Cluster, database: str, left_behind: LeftBehind) -> None:
    """It has to fall on the leader first, for no standby may have less than its leader."""
    wanted = change_max_connections(connect, cluster, -10)
    restart_under_load(connect, cluster, database)
    assert max_connections(connect, cluster) == {wanted}
    assert left_behind() == []


def change_max_connections(connect: Connect, cluster: Cluster, by: int) -> int:
    """Declare another value and converge; what it is to be. Every member waits for its restart then."""
    (current,) = max_connections(connect, cluster)
    before = started(connect, cluster)
    parameters: dict[str, Any] = {"max_connections": current + by}
    outcome = play(cluster, "site", pgcluster_postgresql_parameters=parameters)
    assert outcome.ok, outcome.tail
    eventually("every member waits for a restart", NOTICED_SECONDS, lambda: pending(cluster) == names(cluster))
    assert max_connections(connect, cluster) == {current}
    assert started(connect, cluster) == before, "a deployment restarts nothing"
    return current + by


def restart_under_load(connect: Connect, cluster: Cluster, database: str) -> None:
    with Load(connect, cluster, database) as load:
        outcome = play(cluster, "rolling_restart")
        assert outcome.ok, outcome.tail
        assert outcome.report["clients"]["endpoints"]["pooled-rw"]["errors"] == 0, outcome.report["clients"]
    assert load.errors == [], load
    assert load.lost() == set(), load
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    assert pending(cluster) == set()


def pending(cluster: Cluster) -> set[str]:
    return {member["name"] for member in members(cluster) if member.get("pending_restart")}


def names(cluster: Cluster) -> set[str]:
    return {machine.name for machine in cluster.postgres}


def max_connections(connect: Connect, cluster: Cluster) -> set[int]:
    """The values in force on the members."""
    found = set()
    for instance in cluster.instances:
        with connect(instance) as session:
            found.add(int(value(session, "SHOW max_connections")))
    return found
