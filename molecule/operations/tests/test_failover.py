"""A cluster that has no leader and gets none by itself: the one with all that was acknowledged is made leader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from integration.inventory import Cluster, Machine
from integration.load import Load
from integration.operations import WHOLE_SECONDS, is_whole, members, play, standing, thorough
from integration.watch import Connect, eventually, writable
from testinfra.host import Host

Login = Callable[[Machine], Host]
EXPIRES_SECONDS = 60  # the leader's key, after Patroni's ttl
STOPPED_SECONDS = 60
STOP_POSTGRESQL = "kill -INT $(head -n 1 /var/lib/postgresql/*/main/postmaster.pid)"
IS_STOPPED = "test ! -e /var/lib/postgresql/*/main/postmaster.pid"

pytestmark = [pytest.mark.usefixtures("whole"), thorough]


@contextmanager
def leaderless(connect: Connect, cluster: Cluster, login: Login) -> Iterator[tuple[Machine, Machine, Machine]]:
    """Patroni is paused, so that nobody takes over when the leader stops, and one of its two standbys is silent.

    Yields the former leader, the silent standby and the other one.
    """
    old, _timeline = standing(connect, cluster)
    silent, heard = (machine for machine in cluster.postgres if machine != old)
    paused = play(cluster, "maintenance", state="paused", for_minutes=30)
    try:
        assert paused.ok, paused.tail
        for machine in (old, silent):
            login(machine).check_output("systemctl stop patroni")
        login(old).check_output(STOP_POSTGRESQL)
        eventually("the leader has stopped", STOPPED_SECONDS, lambda: login(old).run(IS_STOPPED).rc == 0)
        eventually("nobody leads", EXPIRES_SECONDS, lambda: leaders(cluster) == [])
        yield old, silent, heard
    finally:
        for machine in (old, silent):
            login(machine).check_output("systemctl start patroni")
        resumed = play(cluster, "maintenance", state="resumed")
        assert resumed.ok, resumed.tail


def test_evidence_decides_who_leads(connect: Connect, cluster: Cluster, login: Login, database: str) -> None:
    with Load(connect, cluster, database) as load:
        _old, timeline = standing(connect, cluster)
    with leaderless(connect, cluster, login) as (old, silent, heard):
        assert "has no leader" in play(cluster, "status").said

        refused = play(cluster, "failover")
        assert not refused.ok
        assert refused.report["outcome"] == "refused"
        assert f"Next: bring back {old} or {silent}, or accept the loss" in refused.said
        assert f"{silent} cannot lead: its Patroni does not answer" in refused.said
        assert not play(cluster, "failover", check=True).ok
        assert leaders(cluster) == [], "who may lack an acknowledged commit leads only when that is accepted"

        login(silent).check_output("systemctl start patroni")
        eventually("its Patroni answers", STOPPED_SECONDS, lambda: silent.name in running(cluster))
        foreseen = play(cluster, "failover", check=True)
        assert foreseen.ok, foreseen.tail
        assert leaders(cluster) == []
        # A proxy that is down as well keeps nobody from it.
        login(old).check_output("systemctl stop haproxy")
        try:
            done = play(cluster, "failover")
        finally:
            login(old).check_output("systemctl start haproxy")
        assert done.ok, done.tail
        chosen = done.report["result"]["leader"]
        assert chosen in {silent.name, heard.name}
        assert f"{chosen} has every acknowledged commit" in done.said
        assert leaders(cluster) == [chosen]
        again = play(cluster, "failover")
        assert again.ok, again.tail
        assert again.report["result"]["changed"] is False
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    new, now = standing(connect, cluster)
    assert (new.name, new != old, now) == (chosen, True, timeline + 1)
    assert load.lost() == set(), load


def test_a_possible_loss_has_to_be_accepted(connect: Connect, cluster: Cluster, login: Login, database: str) -> None:
    with Load(connect, cluster, database) as load:
        pass
    with leaderless(connect, cluster, login) as (_old, silent, heard):
        forced = play(cluster, "failover", force=True)
        assert forced.ok, forced.tail
        assert forced.report["result"]["leader"] == heard.name
        assert leaders(cluster) == [heard.name]
        assert silent.name != heard.name
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    assert [machine.name for machine in writable(connect, cluster)] == [heard.name]
    assert load.lost() == set(), "nothing was written any more, so that nothing could be lost"


def leaders(cluster: Cluster) -> list[str]:
    return [member["name"] for member in members(cluster) if member["role"] == "leader"]


def running(cluster: Cluster) -> set[str]:
    return {member["name"] for member in members(cluster) if member["state"] in ("running", "streaming")}
