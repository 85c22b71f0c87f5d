"""Single members, pauses, and whole hosts, one after the other."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import pytest
from integration.inventory import Cluster, Endpoint, Machine
from integration.load import Load
from integration.operations import (
    HELD_SECONDS,
    WHOLE_SECONDS,
    Outcome,
    ask_patroni,
    is_whole,
    patroni,
    play,
    standing,
    start,
    started,
    thorough,
)
from integration.watch import Connect, eventually, value
from lab import Lab
from testinfra.host import Host

Login = Callable[[Machine], Host]
LeftBehind = Callable[..., list[str]]
NOTICED_SECONDS = 30
REBOOTS_SECONDS = 1800
PAUSED_SECONDS = 45  # from the first member on, which is longer than the run needs for the others
PATRONIS_PROGRAM = "/usr/local/libexec/matriarch-patroni"
FORMER = "patroni.service has started before its program was changed"
# The kernel's own boot is this machine's.
BOOTED = "systemctl show --timestamp=unix --property=UserspaceTimestamp --value"

ADD_A_UNIT_THAT_FAILS = """
printf '[Service]\\nType=oneshot\\nExecStart=/bin/false\\n[Install]\\nWantedBy=multi-user.target\\n' \
    > /etc/systemd/system/matriarch-fails.service
systemctl enable -q matriarch-fails
"""

pytestmark = [pytest.mark.usefixtures("whole"), thorough]


@pytest.fixture
def replica(connect: Connect, cluster: Cluster) -> Machine:
    leads, _timeline = standing(connect, cluster)
    return next(machine for machine in cluster.postgres if machine != leads)


def test_one_replica_is_restarted(connect: Connect, cluster: Cluster, database: str, replica: Machine) -> None:
    before, standing_before = started(connect, cluster), standing(connect, cluster)
    with Load(connect, cluster, database) as load:
        outcome = play(cluster, "member", member=replica.name, state="restarted", only_pending=False)
        assert outcome.ok, outcome.tail
    assert load.errors == [], load
    assert load.lost() == set(), load
    after = started(connect, cluster)
    assert {name for name, since in after.items() if since != before[name]} == {replica.name}
    assert standing(connect, cluster) == standing_before


def test_the_leader_is_restarted_where_it_is(
    connect: Connect, cluster: Cluster, database: str, left_behind: LeftBehind
) -> None:
    """Its pooled clients wait for about as long as PostgreSQL needs to stop and start, and see no error."""
    before, standing_before = started(connect, cluster), standing(connect, cluster)
    leads = standing_before[0].name
    refused = play(cluster, "member", member=leads, state="restarted", only_pending=False)
    assert not refused.ok
    assert f"{leads} leads" in refused.said
    assert started(connect, cluster) == before
    with Load(connect, cluster, database) as load:
        outcome = play(cluster, "member", member=leads, state="restarted", only_pending=False, allow_leader=True)
        assert outcome.ok, outcome.tail
        assert outcome.report["clients"]["endpoints"]["pooled-rw"]["errors"] == 0, outcome.report["clients"]
        assert outcome.report["result"]["phases"]["total_pause"] < 1000 * HELD_SECONDS
        load.await_everybody(HELD_SECONDS)
    assert load.errors == [], load
    assert load.lost() == set(), load
    assert load.longest_gap < HELD_SECONDS, load
    after = started(connect, cluster)
    assert {name for name, since in after.items() if since != before[name]} == {leads}
    assert standing(connect, cluster) == standing_before
    assert left_behind() == []


def test_one_replica_is_cloned_anew(
    connect: Connect, cluster: Cluster, login: Login, database: str, replica: Machine
) -> None:
    """Its data directory is another one afterwards, and holds everything."""
    for machine in cluster.postgres:  # it would copy what a test that failed has left on the leader
        login(machine).check_output("rm -f /var/lib/postgresql/*/main/of_the_old_copy")
    host = login(replica)
    host.check_output("cd /var/lib/postgresql/*/main && touch of_the_old_copy")
    with Load(connect, cluster, database) as load:
        outcome = play(cluster, "member", member=replica.name, state="reinitialized")
        assert outcome.ok, outcome.tail
    assert load.errors == [], load
    assert load.lost() == set(), load
    assert host.run("cd /var/lib/postgresql/*/main && test ! -e of_the_old_copy").rc == 0
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    own = next(instance for instance in cluster.instances if instance.name == replica.name)
    eventually(
        "it has every row",
        WHOLE_SECONDS,
        lambda: count(connect, own, database) == count(connect, cluster.rw[0], database),
    )


def test_the_leader_is_not_cloned_anew(connect: Connect, cluster: Cluster) -> None:
    before = standing(connect, cluster), started(connect, cluster)
    assert not play(cluster, "member", member=before[0][0].name, state="reinitialized").ok
    assert (standing(connect, cluster), started(connect, cluster)) == before


def test_patroni_is_paused_and_goes_on(cluster: Cluster) -> None:
    paused = play(cluster, "maintenance", state="paused", for_minutes=30)
    try:
        assert paused.ok, paused.tail
        assert patroni(cluster).get("pause") is True
        status = play(cluster, "status")
        assert not status.ok
        assert "Patroni is paused" in status.said
    finally:
        resumed = play(cluster, "maintenance", state="resumed")
    assert resumed.ok, resumed.tail
    assert "pause" not in patroni(cluster)


def test_a_pause_ends_by_itself(cluster: Cluster, login: Login) -> None:
    """Each member knows of the pause when the run returns, and goes on when its time is over, without anybody."""
    paused = play(cluster, "maintenance", state="paused", for_minutes=PAUSED_SECONDS / 60)
    begun = time.monotonic()
    try:
        assert paused.ok, paused.tail
        assert knowing_of_the_pause(cluster) == {machine.name for machine in cluster.postgres}
        eventually("all go on", PAUSED_SECONDS + NOTICED_SECONDS, lambda: knowing_of_the_pause(cluster) == set())
        assert time.monotonic() - begun > PAUSED_SECONDS / 3, "until then it was paused"
        assert "pause" not in patroni(cluster)
        timers = "systemctl list-timers --all 'matriarch-end-of-*' --no-legend"
        for machine in cluster.postgres:
            ended = functools.partial(is_empty, login(machine), timers)
            eventually(f"the timer on {machine} has come to its end", NOTICED_SECONDS, ended)
    finally:
        resumed = play(cluster, "maintenance", state="resumed")
    assert resumed.ok, resumed.tail


def is_empty(host: Host, command: str) -> bool:
    return bool(host.check_output(command) == "")


def knowing_of_the_pause(cluster: Cluster) -> set[str]:
    """The members that say so themselves."""
    return {machine.name for machine in cluster.postgres if ask_patroni(cluster, machine, "patroni").get("pause")}


def test_a_healthy_cluster_is_not_failed_over(connect: Connect, cluster: Cluster, replica: Machine) -> None:
    before = standing(connect, cluster)
    refused = play(cluster, "failover", check=True, candidate=replica.name)
    assert not refused.ok
    assert "this would be a switchover" in refused.said
    idle = play(cluster, "failover")
    assert idle.ok, idle.tail
    assert idle.report["result"]["changed"] is False
    assert standing(connect, cluster) == before


def test_an_update_with_nothing_to_update_changes_nothing(connect: Connect, cluster: Cluster) -> None:
    before = standing(connect, cluster), started(connect, cluster)
    outcome = play(cluster, "rolling_update")
    assert outcome.ok, outcome.tail
    assert outcome.report["result"]["steps"] == []
    assert (standing(connect, cluster), started(connect, cluster)) == before


def test_an_update_restarts_patroni_where_its_program_has_changed(
    connect: Connect, cluster: Cluster, login: Login, database: str
) -> None:
    before = started(connect, cluster)
    for machine in cluster.machines:
        login(machine).check_output(f"touch {PATRONIS_PROGRAM}")
    assert play(cluster, "status").stdout.count(FORMER) == len(cluster.machines)
    with Load(connect, cluster, database) as load:
        outcome = play(cluster, "rolling_update")
        assert outcome.ok, outcome.tail
        load.await_everybody(NOTICED_SECONDS)
    assert (load.lost(), load.errors) == (set(), []), load
    assert [name for name, since in started(connect, cluster).items() if since == before[name]] == []
    assert FORMER not in play(cluster, "status").stdout
    assert play(cluster, "rolling_update", check=True).report["result"]["steps"] == []


def test_every_host_is_rebooted(
    connect: Connect, cluster: Cluster, lab: Lab, login: Login, database: str, left_behind: LeftBehind
) -> None:
    """Clients of the very pooler that goes down with its host have to connect again; they lose nothing by that.

    Neither does a unit that fails at each boot, and is none of ours.
    """
    before = booted(login, cluster)
    failing = login(cluster.machines[0])
    failing.check_output(ADD_A_UNIT_THAT_FAILS)
    with Load(connect, cluster, database) as load:
        outcome = reboot_every_host(cluster, lab)
        assert outcome.ok, outcome.tail
        assert outcome.report["clients"]["endpoints"]["pooled-rw"]["errors"] == 0, outcome.report["clients"]
        load.await_everybody(NOTICED_SECONDS)
    assert load.lost() == set(), load
    assert [name for name, since in booted(login, cluster).items() if since == before[name]] == []
    assert failing.run("systemctl is-system-running").stdout.strip() == "degraded"
    failing.check_output(
        "systemctl disable -q matriarch-fails; systemctl reset-failed; rm /etc/systemd/system/matriarch-fails.service"
    )
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    assert left_behind() == []


def reboot_every_host(cluster: Cluster, lab: Lab) -> Outcome:
    """A host of the lab that reboots goes off; switching it on again is what a machine's firmware does."""
    deadline = time.monotonic() + REBOOTS_SECONDS
    with start(cluster, "rolling_reboot") as run:
        while run.lasts(1) and time.monotonic() < deadline:
            for host in lab.status():
                if host.state == "off":
                    lab.start(host.name, wait=False)
        return run.finish(0)


def booted(login: Login, cluster: Cluster) -> dict[str, str]:
    return {machine.name: login(machine).check_output(BOOTED) for machine in cluster.machines}


def count(connect: Connect, endpoint: Endpoint, database: str) -> int:
    """How many rows there are of all clients' loads."""
    with connect(endpoint, dbname=database) as session:
        return int(value(session, "SELECT count(*) FROM promised"))
