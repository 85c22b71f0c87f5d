"""The drill that users run against a cluster of their own: what it refuses, finds and leaves behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from faults.arena import Arena
from faults.fault import GENEROUS
from integration.inventory import Cluster
from integration.operations import WHOLE_SECONDS, Outcome, is_whole, play, standing, start
from integration.watch import eventually

MOVES = ["kill_postgres", "freeze_patroni", "stop_patroni", "power_cut", "partition"]
STAYS = ["kill_patroni", "cut_etcd", "stop_etcd", "stop_proxy"]
STARTING_SECONDS = 240
# What a fault may have left on a host; with a word for each, so that an empty answer means what it says.
LEFT = """
    nft list table inet matriarch_fault >/dev/null 2>&1 && echo table
    systemctl is-active --quiet matriarch-fault.timer && echo timer
    test -e /run/matriarch/fault.json && echo note
    for unit in etcd patroni haproxy pgbouncer@rw pgbouncer@ro; do systemctl is-active --quiet $unit || echo $unit; done
    ps -o stat= -p $(systemctl show --property=MainPID --value patroni) | grep -q T && echo frozen
    :
"""


def drill(cluster: Cluster, fault: str, *, check: bool = False, **more: Any) -> Outcome:
    told = {"confirm": cluster.name, "fault_drill_tolerance": GENEROUS, **more}
    return play(cluster, "drill", check=check, fault=fault, **told)


def left_behind(arena: Arena) -> list[str]:
    return [f"{name}: {left}" for name in arena.names for left in arena.shell(name, LEFT).split()]


@pytest.fixture(autouse=True)
def well(arena: Arena, cluster: Cluster) -> Iterator[None]:
    """Each test begins with a cluster that lacks nothing, and leaves nothing of its fault."""
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    yield
    eventually("nothing of the fault is left", WHOLE_SECONDS, lambda: left_behind(arena) == [])


@pytest.fixture(scope="module")
def packet_filter(arena: Arena) -> None:
    """Most systems have it; these hosts are as bare as can be."""
    for name in arena.names:
        arena.shell(name, "command -v nft >/dev/null || apt-get install -y -qq nftables")


def refused(arena: Arena, cluster: Cluster, why: str, outcome: Outcome) -> None:
    """Nothing has happened, and the last word is what to do."""
    assert not outcome.ok
    assert why in outcome.stdout, outcome.tail
    assert outcome.report["outcome"] == "refused"
    assert not outcome.report["clients"].get("acknowledged")
    assert is_whole(cluster)
    assert left_behind(arena) == []


def test_a_tool_that_is_missing_is_told_with_the_plan(arena: Arena, cluster: Cluster) -> None:
    leads = standing(arena.connect, cluster)[0].name
    arena.shell(leads, "! test -e /usr/sbin/nft || mv /usr/sbin/nft /usr/sbin/nft.away")
    try:
        refused(arena, cluster, "apt-get install nftables", drill(cluster, "partition", check=True))
    finally:
        arena.shell(leads, "! test -e /usr/sbin/nft.away || mv /usr/sbin/nft.away /usr/sbin/nft")


def test_nothing_is_broken_without_the_name_of_the_cluster(arena: Arena, cluster: Cluster) -> None:
    before = standing(arena.connect, cluster)
    outcome = drill(cluster, "kill_postgres", confirm="another")
    refused(arena, cluster, f"the same with -e confirm={cluster.name}", outcome)
    assert standing(arena.connect, cluster) == before


def test_check_mode_is_the_plan(arena: Arena, cluster: Cluster) -> None:
    before = standing(arena.connect, cluster)
    outcome = drill(cluster, "kill_postgres", check=True)
    assert outcome.ok, outcome.tail
    assert f"kill_postgres on {before[0].name}, which leads {cluster.name}" in outcome.said
    assert not outcome.changes, outcome.tail
    assert standing(arena.connect, cluster) == before


def test_a_cluster_that_is_not_well_is_left_alone(arena: Arena, cluster: Cluster) -> None:
    name = arena.others(standing(arena.connect, cluster)[0].name)[0]
    arena.run(name, "systemctl", "stop", "patroni")
    try:
        outcome = drill(cluster, "kill_postgres")
    finally:
        arena.run(name, "systemctl", "start", "patroni")
    assert not outcome.ok
    assert outcome.report["outcome"] == "refused"
    assert f"{cluster.name} is degraded" in outcome.stdout


@pytest.mark.usefixtures("packet_filter")
@pytest.mark.parametrize("fault", [*MOVES, *STAYS])
def test_the_cluster_passes(arena: Arena, cluster: Cluster, fault: str) -> None:
    before = standing(arena.connect, cluster)
    outcome = drill(cluster, fault)
    assert outcome.ok, outcome.tail
    verdict = outcome.report["result"]["verdict"]
    assert verdict["problems"] == []
    assert outcome.report["clients"]["acknowledged"] > 0
    assert outcome.report["clients"]["lost_acknowledged"] == 0
    now = standing(arena.connect, cluster)
    assert (verdict["before"], verdict["after"]) == tuple(
        {"name": who.name, "timeline": at} for who, at in (before, now)
    )
    assert (now != before) is (fault in MOVES)
    assert is_whole(cluster)
    assert left_behind(arena) == []


def test_a_standby_can_be_hit_as_well(arena: Arena, cluster: Cluster) -> None:
    leads = standing(arena.connect, cluster)
    outcome = drill(cluster, "power_cut", target=arena.others(leads[0].name)[0])
    assert outcome.ok, outcome.tail
    assert standing(arena.connect, cluster) == leads


def test_a_pause_that_is_too_long_fails_and_is_told(arena: Arena, cluster: Cluster) -> None:
    """The bound is made so small that no cluster could keep it."""
    before = standing(arena.connect, cluster)
    outcome = drill(cluster, "stop_patroni", fault_drill_tolerance=0.001)
    assert not outcome.ok
    assert outcome.report["outcome"] == "failed"
    assert [why for why in outcome.report["result"]["verdict"]["problems"] if "writes through pooled-rw paused" in why]
    eventually("another member leads", WHOLE_SECONDS, lambda: standing(arena.connect, cluster) != before)


@pytest.mark.usefixtures("packet_filter")
def test_the_host_undoes_it_when_the_operator_dies(arena: Arena, cluster: Cluster) -> None:
    leads = standing(arena.connect, cluster)[0].name
    with start(cluster, "drill", fault="partition", confirm=cluster.name) as run:
        deadline = time.monotonic() + STARTING_SECONDS
        while "timer" not in arena.shell(leads, LEFT):
            assert time.monotonic() < deadline, f"no fault was put in: {run.finish(1).tail}"
            time.sleep(0.2)
        run.kill()
    assert "table" in arena.shell(leads, LEFT)
    eventually("the host let the packets pass", WHOLE_SECONDS, lambda: "table" not in arena.shell(leads, LEFT))
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    # What is noted of it goes with the next one, which does not wait for the lock of the dead.
    outcome = drill(cluster, "kill_patroni", target=leads)
    assert outcome.ok, outcome.tail
