"""What the cluster says is in the journal under its name, and arrives at the receiver, also when that was away."""

from __future__ import annotations

import functools
import time
import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest
from integration.inventory import Cluster, Machine
from integration.operations import play
from integration.watch import Connect, eventually, leader
from testinfra.host import Host

Login = Callable[[Machine], Host]
Received = Callable[[], list[str]]
UNITS = ("etcd.service", "patroni.service", "haproxy.service", "pgbouncer@rw.service", "pgbouncer@ro.service")


def fail_in_postgres(connect: Connect, cluster: Cluster) -> str:
    """An error in the leader's log; the word that tells it from all others."""
    word = uuid.uuid4().hex
    with connect(cluster.rw[0]) as session, pytest.raises(psycopg.errors.DivisionByZero):
        session.execute(f"SELECT 1/0 AS x{word}")
    return word


def has(received: Received, word: str) -> bool:
    return any(word in line for line in received())


def arrives(received: Received, word: str, seconds: float = 30) -> None:
    eventually(f"{word} arrives", seconds, functools.partial(has, received, word))


def test_every_unit_has_the_cluster_s_name(cluster: Cluster, login: Login, postgres_machine: Machine) -> None:
    host = login(postgres_machine)
    for unit in UNITS:
        fields = f"_SYSTEMD_UNIT={unit} MATRIARCH_CLUSTER={cluster.name} MATRIARCH_MEMBER={postgres_machine.name}"
        assert int(host.check_output(f"journalctl -q -o cat {fields} | wc -l")) > 0, unit
    assert int(host.check_output("journalctl -q -o cat _COMM=postgres MATRIARCH_CLUSTER=main | wc -l")) > 0


def limits(cluster: Cluster, login: Login) -> set[str]:
    """What the hosts' journals say of how large they may become."""
    said = "journalctl -q -o cat -t systemd-journald | grep 'System Journal' | tail -1 | grep -o 'max [0-9A-Z.]*'"
    return {str(login(machine).check_output(said)) for machine in cluster.postgres}


def test_an_error_arrives_as_postgresql_s(cluster: Cluster, connect: Connect, received: Received) -> None:
    word = fail_in_postgres(connect, cluster)
    arrives(received, word)
    (line,) = (line for line in received() if word in line and "STATEMENT" in line)
    name = leader(connect, cluster).name
    assert f" {name} postgres " in line
    assert f'[matriarch@32473 cluster="main" member="{name}" unit="patroni.service"]' in line


def test_patroni_s_lines_have_its_own_name(received: Received) -> None:
    assert any(" patroni " in line and "the leader with the lock" in line for line in received())


def test_what_is_not_the_cluster_s_stays_where_it_is(
    cluster: Cluster, connect: Connect, login: Login, received: Received
) -> None:
    login(leader(connect, cluster)).check_output("logger not-of-the-cluster")
    arrives(received, fail_in_postgres(connect, cluster))
    assert not has(received, "not-of-the-cluster")


def test_a_receiver_that_was_away_gets_what_it_missed(
    cluster: Cluster, connect: Connect, sink: Host, received: Received
) -> None:
    sink.check_output("systemctl stop rsyslog syslog.socket")
    try:
        missed = [fail_in_postgres(connect, cluster) for _number in range(3)]
        time.sleep(3)  # so that they are tried in vain
        assert not any(has(received, word) for word in missed)
    finally:
        sink.check_output("systemctl start rsyslog")
    missed.append(fail_in_postgres(connect, cluster))
    for word in missed[1:]:
        arrives(received, word, 90)


def test_a_restart_of_the_journal_loses_nothing(
    cluster: Cluster, connect: Connect, login: Login, received: Received
) -> None:
    login(leader(connect, cluster)).check_output("systemctl restart systemd-journald")
    arrives(received, fail_in_postgres(connect, cluster))


@pytest.fixture
def as_declared(cluster: Cluster) -> Iterator[None]:
    yield
    mended = play(cluster, "site")
    assert mended.ok, mended.tail


@pytest.mark.usefixtures("as_declared")
def test_what_is_declared_anew_holds_at_once(
    cluster: Cluster, connect: Connect, login: Login, received: Received
) -> None:
    assert play(cluster, "site", logs_forward_name="somebody-else", logs_journal_max_use="1G").ok
    assert limits(cluster, login) == {"max 1G"}
    word = fail_in_postgres(connect, cluster)
    time.sleep(10)  # nothing can be waited for that shall not come
    assert not has(received, word), "the receiver's certificate has another name"


def test_then_as_before(cluster: Cluster, connect: Connect, login: Login, received: Received) -> None:
    assert limits(cluster, login) == {"max 2G"}
    arrives(received, fail_in_postgres(connect, cluster), 90)
