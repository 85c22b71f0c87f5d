"""The PostgreSQL that runs is the other repository's, whole: it streams, it fails over, a lost leader is rewound."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

from integration.inventory import Cluster, Endpoint, Machine
from integration.watch import Connect, eventually, leader, streaming, value
from lab import Lab
from testinfra.host import Host

Login = Callable[[Machine], Host]
NEW_LEADER_SECONDS = 60
RETURN_SECONDS = 180
# WAL that no standby has and no client waits for, on disk.
DIVERGE = "SELECT pg_logical_emit_message(false, 'test', 'what only the lost leader knows'); CHECKPOINT"


def test_every_endpoint_leads_to_postgresql_16(connect: Connect, any_endpoint: Endpoint) -> None:
    with connect(any_endpoint) as session:
        assert value(session, "SELECT current_setting('server_version_num')::int / 10000") == 16


def test_the_packages_are_the_other_repositorys(login: Login, postgres_machine: Machine) -> None:
    host = login(postgres_machine)
    known = host.check_output("dpkg-query --show --showformat='${db:Status-Status} ${Package}\\n' 'postgresql-[0-9]*'")
    assert [line for line in known.splitlines() if line.startswith("installed")] == ["installed postgresql-16"]
    assert ":8016 trixie-local/main" in host.check_output("apt-cache madison postgresql-16")


def test_a_lost_leader_is_replaced_and_rewound(connect: Connect, cluster: Cluster, login: Login, database: str) -> None:
    lab = Lab(os.environ["MOLECULE_SCENARIO_NAME"])
    lost = leader(connect, cluster)
    survivors = [endpoint for endpoint in cluster.rw if endpoint.address != lost.address]
    with connect(survivors[0], dbname=database) as session:
        session.execute("INSERT INTO written (by) VALUES ('before the power cut')")
    lab.block(lost.name, ports=[5432])
    done = lab.execute(lost.name, "runuser", "-u", "postgres", "--", "psql", "-c", DIVERGE)
    assert done.returncode == 0, done.stderr
    lab.power_cut(lost.name)

    for endpoint in survivors:
        eventually(
            f"a write through {endpoint}", NEW_LEADER_SECONDS, functools.partial(writes, connect, endpoint, database)
        )
    lab.start(lost.name)
    eventually("both others stream", RETURN_SECONDS, lambda: streaming(connect, survivors[0]) == 2)
    assert "pg_rewind exit code=0" in login(lost).check_output("journalctl --boot --unit=patroni --output=cat")
    own = Endpoint(lost.name, lost.address, 5432)
    written = rows(connect, survivors[0], database)
    eventually("the lost leader has every row", RETURN_SECONDS, lambda: rows(connect, own, database) == written)


def writes(connect: Connect, endpoint: Endpoint, database: str) -> bool:
    with connect(endpoint, dbname=database) as session:
        session.execute("INSERT INTO written (by) VALUES ('after the power cut')")
    return True


def rows(connect: Connect, endpoint: Endpoint, database: str) -> int:
    with connect(endpoint, dbname=database) as session:
        return int(value(session, "SELECT count(*) FROM written"))
