"""A leader whose Patroni hangs is stopped before its lease can pass to another (fault A08)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

from integration.inventory import Cluster, Machine
from integration.watch import Connect, eventually, leader, streaming, writable
from testinfra.host import Host

Login = Callable[[Machine], Host]
NEW_LEADER_SECONDS = 90
RETURN_SECONDS = 180
REARMED_SECONDS = 30
STATE = "/run/matriarch-guard/state.json"


def test_a_leader_outlives_a_guard_that_was_stopped_and_is_guarded_again(
    connect: Connect, cluster: Cluster, login: Login
) -> None:
    machine = leader(connect, cluster)
    host = login(machine)
    timeout = guarding(host)
    assert timeout
    before = patroni(host)
    host.run_expect([0], "systemctl stop matriarch-guard.socket matriarch-guard.service")
    try:
        time.sleep(timeout + 1)  # a silence that was too long for the guard as it was
    finally:
        host.run_expect([0], "systemctl start matriarch-guard.socket matriarch-guard.service")

    eventually("the guard hears Patroni again", REARMED_SECONDS, lambda: guarding(host) == timeout)
    assert (patroni(host), leader(connect, cluster)) == (before, machine)


def test_a_leader_whose_patroni_hangs_is_stopped(
    connect: Connect, cluster: Cluster, login: Login, database: str
) -> None:
    hung = leader(connect, cluster)
    host = login(hung)
    postmaster = host.check_output("head -1 /var/lib/postgresql/*/main/postmaster.pid")
    with connect(cluster.rw[0], dbname=database) as session:
        session.execute("INSERT INTO written (by) VALUES ('before Patroni hung')")
    host.run_expect([0], "kill -STOP $(systemctl show --property=MainPID --value patroni)")

    eventually(
        "another member leads",
        NEW_LEADER_SECONDS,
        lambda: len(writable(connect, without(cluster, hung))) == 1,
    )
    assert "killed every process of patroni.service" in host.check_output("journalctl --unit=matriarch-guard --boot")
    assert host.run(f"test -d /proc/{postmaster}").rc != 0
    eventually("both others stream again", RETURN_SECONDS, lambda: streaming(connect, cluster.rw[0]) == 2)
    with connect(cluster.rw[0], dbname=database) as session:
        assert session.execute("SELECT by FROM written").fetchall() == [("before Patroni hung",)]


def guarding(host: Host) -> int:
    """For how many seconds the guard waits for a ping; 0 while it guards nobody."""
    return json.loads(host.run(f"cat {STATE}").stdout or "{}").get("timeout") or 0


def patroni(host: Host) -> str:
    pid: str = host.check_output("systemctl show --property=MainPID --value patroni")
    return pid


def without(cluster: Cluster, machine: Machine) -> Cluster:
    """The cluster as its other members see it: the hung one may answer to nobody."""
    return replace(cluster, postgres=tuple(other for other in cluster.postgres if other != machine))
