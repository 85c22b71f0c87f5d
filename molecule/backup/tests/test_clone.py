"""Another cluster is made of the first one's backups, as it was at a moment; both go on by themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime

import psycopg
import pytest
from integration import second_cluster
from integration.backup_engines import Engine
from integration.backups import Storage, leading, told
from integration.inventory import Cluster, Machine
from integration.operations import WHOLE_SECONDS, is_whole, play, started
from integration.second_cluster import login_of, machine, repository, source, undeclared
from integration.watch import Connect, eventually, value
from lab import Lab
from testinfra.host import Host

HOST = "copy1"
NAME = "copy"
DEPLOY_SECONDS = 900
# The restart may end the first attempt, and after a failure a member waits for five minutes.
FIRST_BACKUP_SECONDS = 480


@pytest.fixture(scope="module")
def clone(cluster: Cluster, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An empty cluster of one host, which may read the other one's backups."""
    lab = Lab(os.environ["MOLECULE_SCENARIO_NAME"])
    lab.up(HOST)
    declared = undeclared(NAME, machine(lab, HOST), tmp_path_factory.mktemp("clone"))
    second_cluster.declare(declared, {"restore_source": source(cluster, lab, engine)})
    deployed = play(declared, "site", seconds=DEPLOY_SECONDS)
    assert deployed.ok, deployed.tail
    yield declared
    lab.down(HOST, purge=True)


@pytest.fixture(scope="module")
def moment(cluster: Cluster, connect: Connect, login: Callable[[Machine], Host], database: str) -> datetime:
    """When the table was as the clone shall have it; one more row came since."""
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    backup = play(cluster, "backup")
    assert backup.ok, backup.tail
    with connect(cluster.rw[0], dbname=database) as session:
        session.execute("DROP TABLE IF EXISTS cloned")
        session.execute("CREATE TABLE cloned (item int PRIMARY KEY)")
        session.execute("INSERT INTO cloned SELECT generate_series(1, 100)")
        found: datetime = value(session, "SELECT clock_timestamp()")
        session.execute("INSERT INTO cloned VALUES (101)")
    login(leading(cluster)).check_output("runuser -u postgres -- psql -XAtc 'SELECT pg_switch_wal()'")
    return found


def items(session: psycopg.Connection[tuple[int]]) -> list[int]:
    return [row[0] for row in session.execute("SELECT item FROM cloned ORDER BY item").fetchall()]


def test_the_moment_and_nothing_later(
    clone: Cluster, cluster: Cluster, connect: Connect, database: str, moment: datetime, lab: Lab, engine: Engine
) -> None:
    storage, before = Storage(lab.address("s3")), started(connect, cluster)
    backups = storage.names(engine.backups_of(cluster.name))

    target = f"time:{moment.isoformat()}"
    plan = play(clone, "restore", check=True, target=target)
    assert plan.ok, plan.tail
    outcome = play(clone, "restore", target=target, confirm=NAME, seconds=DEPLOY_SECONDS)
    assert outcome.ok, outcome.tail

    (endpoint, *_others) = clone.rw
    with psycopg.connect(**login_of(clone), host=endpoint.address, port=endpoint.port, dbname=database) as session:
        assert items(session) == list(range(1, 101))
        session.execute("INSERT INTO cloned VALUES (-1)")
    with connect(cluster.rw[0], dbname=database) as session:
        session.execute("INSERT INTO cloned VALUES (102)")
        assert items(session) == list(range(1, 103))
    assert started(connect, cluster) == before
    assert storage.names(engine.backups_of(cluster.name)) == backups


def test_the_clone_gets_backups_of_its_own(clone: Cluster, cluster: Cluster, lab: Lab, engine: Engine) -> None:
    """In the same bucket, and the other cluster's are none of them."""
    second_cluster.declare(clone, {"backup_engine": engine.name, "backup_repositories": [repository(cluster, lab)]})
    for playbook, words in (("site", {}), ("rolling_restart", {"everybody": True})):
        outcome = play(clone, playbook, seconds=DEPLOY_SECONDS, **words)
        assert outcome.ok, outcome.tail
    eventually("the first one is there", FIRST_BACKUP_SECONDS, lambda: bool(told(clone)["backups"]))
    own, others = ({each["label"] for each in told(each_cluster)["backups"]} for each_cluster in (clone, cluster))
    assert own
    assert not own & others
