"""Each alert is brought about by what it is about, and ends with it."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from integration.inventory import ROOT, Cluster, Endpoint
from integration.operations import WHOLE_SECONDS, ask_patroni, is_whole, play
from integration.prometheus import Prometheus
from integration.watch import Connect, eventually, leader, value
from lab import Lab

FIRES_WITHIN = 60
CLEARS_WITHIN = 120
OF_POOLERS = {"MatriarchPoolerDown", "MatriarchPoolerQueue"}
PATCH = """
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile="/etc/matriarch/tls/ca.crt")
context.load_cert_chain("/etc/matriarch/tls/host.crt", "/etc/matriarch/tls/host.key")
kind = {"Content-Type": "application/json"}
request = urllib.request.Request(sys.argv[1], sys.argv[2].encode(), kind, method="PATCH")
urllib.request.urlopen(request, context=context, timeout=10).read()
"""


@dataclass(frozen=True)
class Ground:
    """What a fault is put into."""

    cluster: Cluster
    lab: Lab
    connect: Connect

    def run(self, host: str, script: str) -> str:
        """As root on a host; it has to succeed."""
        done = self.lab.execute(host, "sh", "-c", script)
        assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        return done.stdout

    def superuser(self, host: str, statement: str) -> str:
        return self.run(
            host, f'runuser -u postgres -- psql -XqAt -v ON_ERROR_STOP=1 -d postgres -c "{statement}"'
        ).strip()

    @property
    def leader(self) -> str:
        return leader(self.connect, self.cluster).name

    @property
    def replica(self) -> str:
        """One that does not lead."""
        return next(machine.name for machine in self.cluster.postgres if machine.name != self.leader)

    @property
    def data_directory(self) -> str:
        """The same on every member."""
        return self.superuser(self.leader, "SHOW data_directory")

    def instance(self, name: str) -> Endpoint:
        return next(each for each in self.cluster.instances if each.name == name)

    def patch(self, configuration: dict[str, Any]) -> None:
        """Patroni's dynamic configuration, in which null removes."""
        first = self.cluster.postgres[0]
        url = f"https://{first.address}:8008/config"
        done = self.lab.execute(first.name, "python3", "-c", PATCH, url, json.dumps(configuration))
        assert done.returncode == 0, done.stderr

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Patroni lets go of everything, until it is told to go on."""
        self.patch({"pause": True})
        first = self.cluster.postgres[0]
        eventually("Patroni is paused", 30, lambda: bool(ask_patroni(self.cluster, first, "cluster").get("pause")))
        try:
            yield
        finally:
            self.patch({"pause": None})

    @contextmanager
    def stopped(self, unit: str, *hosts: str) -> Iterator[None]:
        for host in hosts:
            self.run(host, f"systemctl stop {unit}")
        try:
            yield
        finally:
            for host in hosts:
                self.run(host, f"systemctl start {unit}")


Fault = Callable[[Ground], AbstractContextManager[None]]
FAULTS: dict[str, tuple[Fault, frozenset[str]]] = {}


def fault(*alerts: str) -> Callable[[Callable[[Ground], Iterator[None]]], None]:
    def note(function: Callable[[Ground], Iterator[None]]) -> None:
        FAULTS[function.__name__] = (contextmanager(function), frozenset(f"Matriarch{alert}" for alert in alerts))

    return note


@fault("NoLeader", "PatroniDown", "PostgresDown", "NoWriteEndpoint")
def patroni_is_stopped_everywhere(ground: Ground) -> Iterator[None]:
    with ground.stopped("patroni", *(machine.name for machine in ground.cluster.postgres)):
        yield


@fault("NoSynchronousReplica")
def both_replicas_are_stopped(ground: Ground) -> Iterator[None]:
    leads = ground.leader
    with ground.stopped("patroni", *(each.name for each in ground.cluster.postgres if each.name != leads)):
        yield


@fault("TwoWritable", "Maintenance")
def a_replica_is_promoted_by_hand(ground: Ground) -> Iterator[None]:
    """Patroni is paused, or it would not stand for it."""
    replica = ground.replica
    with ground.paused():
        ground.superuser(replica, "SELECT pg_promote()")
        # pg_rewind of PostgreSQL 15 looks for the new timeline in the last checkpoint.
        ground.superuser(replica, "CHECKPOINT")
        yield


@fault("ReplicaNotStreaming", "PostgresDown")
def the_leader_is_stopped_by_hand(ground: Ground) -> Iterator[None]:
    """While Patroni is paused, nobody starts it again, and nobody takes over."""
    leads, data = ground.leader, ground.data_directory
    programs = ground.superuser(leads, "SELECT setting FROM pg_config WHERE name = 'BINDIR'")
    with ground.paused():
        ground.run(leads, f"runuser -u postgres -- {programs}/pg_ctl --pgdata={data} --mode=fast --wait stop")
        yield


@fault("ReplicaLag")
def a_reader_holds_replay_up(ground: Ground) -> Iterator[None]:
    """It reads a table that the leader changes; PostgreSQL lets it, for max_standby_streaming_delay (30 s)."""
    leads, replica = ground.leader, ground.replica
    ground.superuser(leads, "CREATE TABLE read_there (id int); GRANT SELECT ON read_there TO admin")
    try:
        with ground.connect(ground.instance(replica)) as reader:
            eventually("the replica has the table", 10, lambda: has_table(reader, "read_there"))
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM read_there")
            ground.superuser(leads, "ALTER TABLE read_there ADD COLUMN more int")
            yield
    finally:
        ground.superuser(leads, "DROP TABLE read_there")


def has_table(session: psycopg.Connection[Any], name: str) -> bool:
    return bool(value(session, f"SELECT to_regclass('{name}') IS NOT NULL"))


@fault("ArchiveBehind", "ArchiveFails")
def the_archive_refuses(ground: Ground) -> Iterator[None]:
    leads = ground.leader
    ground.run(leads, "touch /var/lib/postgresql/archive-refuses")
    try:
        ground.superuser(leads, "SELECT pg_logical_emit_message(true, 'monitoring', 'x')")
        ground.superuser(leads, "SELECT pg_switch_wal()")
        yield
    finally:
        ground.run(leads, "rm /var/lib/postgresql/archive-refuses")


@fault("SlotRetainsWal")
def nobody_receives_through_a_slot(ground: Ground) -> Iterator[None]:
    leads = ground.leader
    ground.superuser(leads, "SELECT pg_create_physical_replication_slot('forgotten', true)")
    try:
        for _segment in range(3):
            ground.superuser(leads, "SELECT pg_logical_emit_message(true, 'monitoring', repeat('x', 1000000))")
            ground.superuser(leads, "SELECT pg_switch_wal()")
        yield
    finally:
        ground.superuser(leads, "SELECT pg_drop_replication_slot('forgotten')")


@fault("LongTransaction", "LockWait")
def somebody_holds_a_lock(ground: Ground) -> Iterator[None]:
    with ground.connect(ground.cluster.rw[0]) as holder, ground.connect(ground.cluster.rw[0]) as waiter:
        holder.execute("BEGIN")
        holder.execute("SELECT pg_advisory_xact_lock(1)")
        waits = threading.Thread(target=waiter.execute, args=("SELECT pg_advisory_xact_lock(1)",))
        waits.start()
        try:
            yield
        finally:
            holder.execute("ROLLBACK")
            waits.join(10)


@fault("PreparedTransaction")
def a_prepared_transaction_is_forgotten(ground: Ground) -> Iterator[None]:
    leads = ground.leader
    ground.superuser(leads, "BEGIN; SELECT txid_current(); PREPARE TRANSACTION 'forgotten'")
    try:
        yield
    finally:
        ground.superuser(leads, "ROLLBACK PREPARED 'forgotten'")


@fault("PoolerQueue")
def clients_queue_for_a_pool_of_two(ground: Ground) -> Iterator[None]:
    """The admin's sessions in the declared database, whose pool has two connections."""
    poolers = [each for each in ground.cluster.rw if each.name == "pooled-rw"]
    told = {"user": "odoo", "password": ground.cluster.secret("users/odoo.password"), "dbname": "odoo"}
    sessions = [ground.connect(poolers[0], **told) for _number in range(3)]
    waits = threading.Thread(target=run_and_forget, args=(sessions[2], "SELECT 1"))
    try:
        for session in sessions[:2]:
            session.execute("BEGIN")
            session.execute("SELECT 1")
        waits.start()
        yield
    finally:
        for session in sessions[:2]:
            session.execute("ROLLBACK")
        waits.join(10)
        for session in sessions:
            session.close()


def run_and_forget(session: psycopg.Connection[Any], statement: str) -> None:
    """The pooler may give up on it before the test does."""
    try:
        session.execute(statement)
    except psycopg.Error:
        return


@fault("PoolerDown")
def a_pooler_is_stopped(ground: Ground) -> Iterator[None]:
    with ground.stopped("pgbouncer@rw", "db3"):
        yield


@fault("TargetDown")
def an_exporter_is_stopped(ground: Ground) -> Iterator[None]:
    with ground.stopped("prometheus-postgres-exporter", "db2"):
        yield


@fault("EtcdMemberDown")
def an_etcd_member_is_stopped(ground: Ground) -> Iterator[None]:
    with ground.stopped("etcd", "db3"):
        yield


@fault("EtcdNoLeader", "FailsafeMode")
def etcd_has_lost_its_majority(ground: Ground) -> Iterator[None]:
    with ground.stopped("etcd", "db2", "db3"):
        yield


@fault("PendingRestart")
def a_setting_waits_for_a_restart(ground: Ground) -> Iterator[None]:
    ground.patch({"postgresql": {"parameters": {"max_connections": 201}}})
    try:
        yield
    finally:
        ground.patch({"postgresql": {"parameters": {"max_connections": 200}}})


@fault("BallastMissing")
def the_ballast_is_used_up(ground: Ground) -> Iterator[None]:
    path = f"{ground.data_directory}.ballast"
    ground.run("db1", f"mv {path} {path}.away; systemctl start matriarch-metrics")
    try:
        yield
    finally:
        ground.run("db1", f"mv {path}.away {path}; systemctl start matriarch-metrics")


@fault("CertificateEnds")
def a_certificate_ends_soon(ground: Ground) -> Iterator[None]:
    """Signed by the cluster's own authority, for the same key and names; exporters read it with the next connection."""
    tls = "/etc/matriarch/tls"
    ground.run("db2", f"cp -p {tls}/host.crt {tls}/host.crt.kept")
    request = ground.run(
        "db2", f"openssl x509 -x509toreq -copy_extensions copyall -in {tls}/host.crt -signkey {tls}/host.key"
    )
    authority = ground.cluster.secrets / "ca"
    sign = ["openssl", "x509", "-req", "-copy_extensions", "copyall", "-days", "5"]
    sign += ["-CA", f"{authority}/ca.crt", "-CAkey", f"{authority}/ca.key"]
    signed = subprocess.run(sign, input=request, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    try:
        ground.run("db2", f"cat > {tls}/host.crt <<'EOF'\n{signed}EOF\nsystemctl start matriarch-metrics")
        yield
    finally:
        ground.run("db2", f"mv {tls}/host.crt.kept {tls}/host.crt; systemctl start matriarch-metrics")


@fault("MetricsOld")
def the_host_s_own_program_does_not_run(ground: Ground) -> Iterator[None]:
    with ground.stopped("matriarch-metrics.timer", "db3"):
        ground.run("db3", "systemctl stop matriarch-metrics")  # it may be at it just now
        ground.run("db3", "touch -d '-200 seconds' /var/lib/matriarch/metrics/matriarch.prom")
        yield
    ground.run("db3", "systemctl start matriarch-metrics")


@pytest.fixture
def ground(cluster: Cluster, lab: Lab, connect: Connect) -> Iterator[Ground]:
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    yield Ground(cluster, lab, connect)
    eventually("the cluster is whole again", WHOLE_SECONDS, lambda: is_whole(cluster))


# Those that do not touch each other are put in at the same time.
TOGETHER = (
    (
        "the_archive_refuses",
        "nobody_receives_through_a_slot",
        "somebody_holds_a_lock",
        "a_prepared_transaction_is_forgotten",
    ),
    (
        "a_pooler_is_stopped",
        "an_exporter_is_stopped",
        "the_ballast_is_used_up",
        "a_certificate_ends_soon",
        "the_host_s_own_program_does_not_run",
        "clients_queue_for_a_pool_of_two",
    ),
    ("a_reader_holds_replay_up", "a_setting_waits_for_a_restart", "an_etcd_member_is_stopped"),
    ("both_replicas_are_stopped",),
    ("a_replica_is_promoted_by_hand",),
    ("the_leader_is_stopped_by_hand",),
    ("etcd_has_lost_its_majority",),
    ("patroni_is_stopped_everywhere",),
)


def test_every_fault_is_put_in() -> None:
    assert sorted(name for names in TOGETHER for name in names) == sorted(FAULTS)


@pytest.mark.parametrize("names", TOGETHER, ids=lambda names: names[0])
def test_they_are_told_and_end(
    names: tuple[str, ...], ground: Ground, prometheus: Prometheus, poolers_tell: bool
) -> None:
    alerts = frozenset[str]().union(*(FAULTS[name][1] for name in names)) - (set() if poolers_tell else OF_POOLERS)
    prometheus.wait("none of them fires yet", CLEARS_WITHIN, lambda: not alerts & set(prometheus.firing()))
    with ExitStack() as faults:
        for name in names:
            faults.enter_context(FAULTS[name][0](ground))
        told: dict[str, Any] = {}

        def have_fired() -> bool:
            """Each at some time: the pooler sends those away who queue."""
            told.update(prometheus.firing())
            return alerts <= set(told)

        took = prometheus.wait(f"{sorted(alerts)} fire", FIRES_WITHIN, have_fired)
    cleared = prometheus.wait(f"{sorted(alerts)} end", CLEARS_WITHIN, lambda: not alerts & set(prometheus.firing()))
    for alert in sorted(alerts):
        assert told[alert]["annotations"]["runbook_url"].endswith(f"ALERTS.md#{alert.lower()}")
        print(f"{alert}: told after {took:.0f} s, ended after {cleared:.0f} s: {told[alert]['annotations']['summary']}")


def test_afterwards_a_run_changes_nothing(cluster: Cluster, prometheus: Prometheus) -> None:
    """What the faults have left is nothing."""
    done = play(cluster, "site")
    assert done.ok, done.tail
    assert done.changes == []
    assert prometheus.query("up == 0") == []
