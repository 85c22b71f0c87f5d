"""An operator who dies leaves nothing paused, marked or half done for longer than stated, without anybody's help."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from integration.inventory import Cluster, Machine
from integration.load import Load
from integration.operations import HELD_SECONDS, WHOLE_SECONDS, is_whole, play, standing, start, started, thorough
from integration.watch import Connect, eventually, writable
from testinfra.host import Host

LeftBehind = Callable[..., list[str]]
Login = Callable[[Machine], Host]
STARTING_SECONDS = 240
DRAIN_SECONDS = 8  # long enough to be seen, and soon enough over for clients to be let go in the stated time
WRITING_SECONDS = 180
LOCK_SECONDS = 20
ENDING_SECONDS = 45  # ten until it is noticed, and at most 25 to read the rows back and delete them; and a slow machine
PROBE_LIVES = "for lock in /run/matriarch/probe-*/lock; do test -e $lock && ! flock -n $lock true && exit; done; false"
# The moments at which the operator dies, as parts of what an undisturbed run takes.
MOMENTS = [0.2, 0.4, 0.6, 0.8]
LONG_MOMENTS = [0.1, 0.3, 0.5, 0.7, 0.9]

pytestmark = pytest.mark.usefixtures("whole")


@pytest.fixture(scope="module")
def switchover_seconds(cluster: Cluster) -> float:
    return duration(cluster, "switchover")


@pytest.fixture(scope="module")
def rolling_restart_seconds(cluster: Cluster) -> float:
    return duration(cluster, "rolling_restart", everybody=True)


@thorough
@pytest.mark.parametrize("moment", MOMENTS)
def test_during_a_switchover(
    connect: Connect,
    cluster: Cluster,
    database: str,
    left_behind: LeftBehind,
    switchover_seconds: float,
    moment: float,
) -> None:
    with Load(connect, cluster, database) as load:
        die_during(cluster, moment * switchover_seconds, "switchover")
        expect_no_harm(connect, cluster, load, lambda: left_behind() == [])
        again = play(cluster, "switchover")
        assert again.ok, again.tail
    assert load.lost() == set(), load
    assert left_behind() == []


@pytest.mark.parametrize("playbook", ["switchover", pytest.param("member", marks=thorough)])
def test_while_clients_are_held(
    connect: Connect, cluster: Cluster, database: str, left_behind: LeftBehind, playbook: str
) -> None:
    """The worst moment. A transaction that does not end makes it last, so that it is not missed."""
    pooled = next(endpoint for endpoint in cluster.rw if endpoint.name == "pooled-rw")
    leads, _timeline = standing(connect, cluster)
    ways: dict[str, dict[str, Any]] = {
        "switchover": {"accept": "long_transaction", "switchover_drain_timeout": DRAIN_SECONDS},
        "member": {
            "member": leads.name,
            "state": "restarted",
            "only_pending": False,
            "allow_leader": True,
            "operation_restart_drain_timeout": DRAIN_SECONDS,
        },
    }
    with Load(connect, cluster, database) as load:
        with connect(pooled, dbname=database, autocommit=False) as slow:
            slow.execute("SELECT count(*) FROM written")
            with start(cluster, playbook, **ways[playbook]) as run:
                eventually("clients are held", STARTING_SECONDS, lambda: left_behind("paused") != [])
                run.kill()
            expect_no_harm(connect, cluster, load, lambda: left_behind() == [])
        again = play(cluster, playbook, **ways[playbook])
        assert again.ok, again.tail
    assert load.lost() == set(), load
    assert left_behind() == []


@thorough
def test_what_was_drained_serves_again_after_any_other_operation(
    connect: Connect, cluster: Cluster, left_behind: LeftBehind
) -> None:
    """The next one need not have to do with the member that the dead one has drained."""
    with start(cluster, "rolling_restart", everybody=True) as run:
        eventually("a member is drained", STARTING_SECONDS, lambda: left_behind("drained") != [])
        run.kill()
    eventually("one member takes writes", WRITING_SECONDS, lambda: len(writable(connect, cluster)) == 1)
    leads, _timeline = standing(connect, cluster)
    assert play(cluster, "failover").ok, f"{leads} leads: there is nothing to do"
    assert left_behind() == []


@thorough
def test_measuring_clients_end_soon_after_the_lock(cluster: Cluster, login: Login) -> None:
    with start(cluster, "switchover", operation_lock_seconds=LOCK_SECONDS) as run:
        eventually("clients measure", STARTING_SECONDS, lambda: measuring(cluster, login) != [])
        run.kill()
    eventually("nobody measures any more", LOCK_SECONDS + ENDING_SECONDS, lambda: measuring(cluster, login) == [])
    again = play(cluster, "switchover")
    assert again.ok, again.tail


@thorough
@pytest.mark.parametrize("moment", LONG_MOMENTS)
def test_during_a_rolling_restart(
    connect: Connect,
    cluster: Cluster,
    database: str,
    left_behind: LeftBehind,
    rolling_restart_seconds: float,
    moment: float,
) -> None:
    """Readers may stay away from a member for longer than writers may be held: until the next run, or a timer."""
    before = started(connect, cluster)
    with Load(connect, cluster, database) as load:
        die_during(cluster, moment * rolling_restart_seconds, "rolling_restart", everybody=True)
        expect_no_harm(connect, cluster, load, lambda: left_behind("paused", "marked") == [])
        again = play(cluster, "rolling_restart", everybody=True)
        assert again.ok, again.tail
    assert load.lost() == set(), load
    assert left_behind() == []
    assert [name for name, since in started(connect, cluster).items() if since == before[name]] == []


def measuring(cluster: Cluster, login: Login) -> list[str]:
    """The hosts on which a probe lives: it holds a lock as long as it does."""
    return [machine.name for machine in cluster.proxy if login(machine).run(PROBE_LIVES).rc == 0]


def duration(cluster: Cluster, playbook: str, **extra_vars: Any) -> float:
    """Seconds that a run takes which nobody interrupts."""
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    begun = time.monotonic()
    outcome = play(cluster, playbook, **extra_vars)
    assert outcome.ok, outcome.tail
    return time.monotonic() - begun


def die_during(cluster: Cluster, seconds: float, playbook: str, **extra_vars: Any) -> None:
    """Kill a run after so many seconds; one that is over by then was quicker than expected, and does not count."""
    with start(cluster, playbook, **extra_vars) as run:
        in_time = run.lasts(seconds)
        run.kill()
    if not in_time:
        eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
        die_during(cluster, 0.8 * seconds, playbook, **extra_vars)


def expect_no_harm(connect: Connect, cluster: Cluster, load: Load, is_clean: Callable[[], bool]) -> None:
    eventually("nothing is left behind", HELD_SECONDS, is_clean)
    load.await_everybody(WRITING_SECONDS)
    eventually("one member takes writes", WRITING_SECONDS, lambda: len(writable(connect, cluster)) == 1)
