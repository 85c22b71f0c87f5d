"""One operation at a time: a second operator is told who is at work, and harms nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from integration.inventory import Cluster
from integration.operations import adhoc, play, standing, start, thorough
from integration.watch import Connect, eventually

LeftBehind = Callable[..., list[str]]
SOMEBODY = {"who": "somebody else", "host": "another-desk", "pid": 4711}
STARTING_SECONDS = 240
DRAIN_SECONDS = 60  # longer than the second operator needs to be refused
TLS = "/etc/matriarch/tls"

pytestmark = pytest.mark.usefixtures("whole")


@pytest.fixture
def held_by_somebody(cluster: Cluster) -> Iterator[None]:
    wish = {"operation": "rolling_restart", "holder": SOMEBODY}
    assert lock(cluster, state="held", **wish)["available"]
    yield
    lock(cluster, state="released", outcome="failed", **wish)
    assert lock(cluster, state="shown")["lock"] is None


@pytest.mark.usefixtures("held_by_somebody")
def test_a_lock_of_somebody_else_is_respected(connect: Connect, cluster: Cluster, left_behind: LeftBehind) -> None:
    before = standing(connect, cluster)
    refused = play(cluster, "switchover")
    assert not refused.ok
    assert "rolling_restart by somebody else on another-desk" in refused.said
    assert lock(cluster, state="shown")["lock"]["holder"]["who"] == "somebody else"
    assert left_behind() == []
    assert standing(connect, cluster) == before


@thorough
def test_the_second_of_two_is_refused_and_the_first_goes_on(
    connect: Connect, cluster: Cluster, database: str, left_behind: LeftBehind
) -> None:
    """A transaction that does not end keeps the first one waiting, so that both are at work for certain."""
    old, timeline = standing(connect, cluster)
    pooled = next(endpoint for endpoint in cluster.rw if endpoint.name == "pooled-rw")
    with connect(pooled, dbname=database, autocommit=False) as slow:
        slow.execute("SELECT count(*) FROM written")
        accepted: dict[str, Any] = {"accept": "long_transaction", "switchover_drain_timeout": DRAIN_SECONDS}
        with start(cluster, "switchover", **accepted) as first:
            eventually("the first holds clients", STARTING_SECONDS, lambda: left_behind("paused") != [])
            second = play(cluster, "switchover")
            slow.rollback()
            outcome = first.finish()
    assert not second.ok
    assert "switchover by" in second.said
    assert outcome.ok, outcome.tail
    assert outcome.report["clients"]["lost_acknowledged"] == 0, "the second must not end the first one's measuring"
    new, now = standing(connect, cluster)
    assert (new != old, now) == (True, timeline + 1), "exactly one of them has switched over"
    assert left_behind() == []


def lock(cluster: Cluster, **wish: Any) -> dict[str, Any]:
    """What the lock's module answers."""
    connection = {
        "urls": [f"https://{machine.address}:2379" for machine in cluster.etcd],
        "ca_file": f"{TLS}/ca.crt",
        "client_cert": f"{TLS}/host.crt",
        "client_key": f"{TLS}/host.key",
    }
    return adhoc(cluster, cluster.etcd[0], "operation_lock", {**connection, "cluster": cluster.name, **wish})
