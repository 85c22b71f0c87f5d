"""A second cluster follows the archive of the first one, and takes over when the site is lost; they never mix."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from integration import second_cluster
from integration.backup_engines import Engine
from integration.backups import Storage, told
from integration.inventory import Cluster, Machine
from integration.operations import WHOLE_SECONDS, Outcome, is_whole, members, play
from integration.second_cluster import login_of, machine, repository, source, undeclared
from integration.watch import Connect, eventually
from lab import Lab

HOST = "dr1"
NAME = "main_dr"
DEPLOY_SECONDS = 900
FOLLOWED_SECONDS = 300
BUILT_SECONDS = 300

Login = Callable[[Machine], Any]


@pytest.fixture(scope="module")
def standby(cluster: Cluster, lab: Lab, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Declared, and not deployed yet."""
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: leads(cluster))
    lab.up(HOST)
    declared = undeclared(NAME, machine(lab, HOST), tmp_path_factory.mktemp("standby"))
    declare(declared, cluster, lab, engine, follows=True)
    yield declared
    lab.down(HOST, purge=True)


def declare(standby: Cluster, cluster: Cluster, lab: Lab, engine: Engine, *, follows: bool, **changed: Any) -> None:
    """Write the standby cluster's inventory."""
    own = {"backup_engine": engine.name, "backup_repositories": [repository(cluster, lab)]}
    whom = {"pgcluster_standby_of": followed(cluster, source(cluster, lab, engine))} if follows else {}
    second_cluster.declare(standby, {**own, **whom, **changed})


def followed(leading: Cluster, backups: dict[str, Any]) -> dict[str, Any]:
    """Whom a standby cluster follows, as its inventory says it."""
    hosts = [each.address for each in leading.postgres]
    return {**backups, "hosts": hosts, "ca_certificate": leading.ca.read_text()}


@pytest.fixture(scope="module")
def deployed(standby: Cluster, cluster: Cluster, connect: Connect, database: str) -> Cluster:
    """It follows: a row that was written before it was built, and one that was written since, are there."""
    backup = play(cluster, "backup")
    assert backup.ok, backup.tail
    write(connect, cluster, database, "before")
    outcome = play(standby, "site", seconds=DEPLOY_SECONDS)
    assert outcome.ok, outcome.tail
    return standby


def write(connect: Connect, cluster: Cluster, database: str, by: str) -> None:
    with connect(cluster.rw[0], dbname=database) as session:
        session.execute("INSERT INTO written (by) VALUES (%s)", (by,))


def end_segment(cluster: Cluster, login: Login) -> None:
    """What was written until now goes to the archive at once, not within five minutes."""
    name = next(m["name"] for m in members(cluster) if m["role"] == "leader")
    host = next(m for m in cluster.postgres if m.name == name)
    login(host).check_output("runuser -u postgres -- psql -XAtc 'SELECT pg_switch_wal()'")


def there(standby: Cluster, cluster: Cluster, database: str) -> set[str]:
    """Who has written, as the standby cluster's member tells; its logins are those of the other cluster."""
    instance = standby.instances[0]
    known = {**login_of(standby), "password": cluster.secret("admin_password")}
    with psycopg.connect(**known, host=instance.address, port=instance.port, dbname=database) as session:
        return {row[0] for row in session.execute("SELECT DISTINCT by FROM written").fetchall()}


def leads(cluster: Cluster) -> bool:
    """Whole, or a cluster of one member that leads."""
    found = members(cluster)
    return is_whole(cluster) or (len(cluster.postgres) == len(found) == 1 and found[0]["role"] == "leader")


def promote(standby: Cluster, **told: Any) -> Outcome:
    return play(standby, "promote_standby_cluster", seconds=DEPLOY_SECONDS, **told)


def test_a_declaration_that_cannot_work_is_refused(
    standby: Cluster, cluster: Cluster, lab: Lab, engine: Engine
) -> None:
    """Before anything is on the host."""
    declared = json.loads(Path(standby.sources[0]).read_text())["all"]["vars"]["backup_repositories"][0]
    same = {**declared, "path": f"/{cluster.name}"}
    declare(standby, cluster, lab, engine, follows=True, backup_repositories=[same])
    outcome = play(standby, "site", seconds=DEPLOY_SECONDS)
    declare(standby, cluster, lab, engine, follows=True)
    assert not outcome.ok
    assert "after a promotion both would write there" in outcome.said, outcome.tail
    assert not outcome.changed


def test_it_follows(deployed: Cluster, cluster: Cluster, connect: Connect, login: Login, database: str) -> None:
    assert [m["role"] for m in members(deployed)] == ["standby_leader"]
    write(connect, cluster, database, "since")
    end_segment(cluster, login)
    eventually("the row is there", FOLLOWED_SECONDS, lambda: {"before", "since"} <= there(deployed, cluster, database))


def test_nothing_is_left_to_do(deployed: Cluster) -> None:
    for check in (False, True):
        outcome = play(deployed, "site", check=check, seconds=DEPLOY_SECONDS)
        assert outcome.ok, outcome.tail
        assert not outcome.changed, outcome.tail


def test_the_status_tells_what_it_is(deployed: Cluster) -> None:
    outcome = play(deployed, "status")
    assert outcome.ok, outcome.tail
    assert "a standby cluster: the last replayed commit is " in outcome.said, outcome.said
    assert "the archive has nothing newer" in outcome.said


@pytest.mark.parametrize(
    ("playbook", "told", "words"),
    [
        ("promote_standby_cluster", {}, "-e confirm=main_dr"),
        ("promote_standby_cluster", {"confirm": "main"}, "-e confirm=main_dr"),
        ("promote_standby_cluster", {"confirm": NAME}, "the cluster that it follows is alive"),
        ("restore", {"target": "latest", "confirm": NAME}, "is a standby cluster"),
    ],
)
def test_refused(deployed: Cluster, playbook: str, told: dict[str, Any], words: str) -> None:
    outcome = play(deployed, playbook, seconds=DEPLOY_SECONDS, **told)
    assert not outcome.ok
    assert words in outcome.said, outcome.tail
    assert [m["role"] for m in members(deployed)] == ["standby_leader"]


def test_to_withdraw_the_declaration_promotes_nobody(
    deployed: Cluster, cluster: Cluster, lab: Lab, engine: Engine
) -> None:
    declare(deployed, cluster, lab, engine, follows=False)
    outcome = play(deployed, "site", seconds=DEPLOY_SECONDS)
    declare(deployed, cluster, lab, engine, follows=True)
    assert not outcome.ok
    assert "promote_standby_cluster.yml" in outcome.said, outcome.tail
    assert [m["role"] for m in members(deployed)] == ["standby_leader"]


@pytest.fixture
def lost_site(cluster: Cluster, lab: Lab) -> Iterator[Callable[[], None]]:
    """Takes all hosts of the site that is followed their power; they come back when the test is over."""
    names = [each.name for each in cluster.machines]
    yield lambda: lab.power_cut(*names)
    lab.start(*names)
    eventually("the cluster is whole", BUILT_SECONDS, lambda: leads(cluster))


def test_the_site_is_lost(
    deployed: Cluster,
    cluster: Cluster,
    connect: Connect,
    login: Login,
    database: str,
    lab: Lab,
    engine: Engine,
    lost_site: Callable[[], None],
) -> None:
    write(connect, cluster, database, "last")
    end_segment(cluster, login)
    eventually("the row is there", FOLLOWED_SECONDS, lambda: "last" in there(deployed, cluster, database))
    lost_site()
    storage = Storage(lab.address("s3"))
    before = everything(storage, engine, cluster.name)

    plan = play(deployed, "promote_standby_cluster", check=True, confirm=NAME)
    assert plan.ok, plan.tail
    assert "would take writes" in plan.said
    assert [m["role"] for m in members(deployed)] == ["standby_leader"]

    outcome = promote(deployed, confirm=NAME)
    assert outcome.ok, outcome.tail
    assert outcome.report["result"]["seconds"] < BUILT_SECONDS

    own = login_of(deployed)
    for endpoint in deployed.rw:
        with psycopg.connect(**own, host=endpoint.address, port=endpoint.port, dbname=database) as session:
            session.execute("INSERT INTO written (by) VALUES (%s)", (f"after {endpoint.name}",))
            rows = {row[0] for row in session.execute("SELECT DISTINCT by FROM written").fetchall()}
            assert {"before", "since", "last"} <= rows
    assert everything(storage, engine, NAME)
    assert everything(storage, engine, cluster.name) == before, "something was written to the other cluster's backups"
    assert "full" in [each["kind"] for each in told(deployed)["backups"]]
    assert login(deployed.postgres[0]).run("ls /etc/matriarch/backup/source.json").rc != 0

    again = promote(deployed, confirm=NAME)
    assert again.ok, again.tail
    assert again.changes == [], again.tail
    refused = play(deployed, "site", seconds=DEPLOY_SECONDS)
    assert not refused.ok
    assert "takes writes, and shall become a standby" in refused.said, refused.tail
    declare(deployed, cluster, lab, engine, follows=False)
    outcome = play(deployed, "site", seconds=DEPLOY_SECONDS)
    assert outcome.ok, outcome.tail
    assert not outcome.changed, outcome.tail


def test_the_way_back(
    deployed: Cluster,
    cluster: Cluster,
    connect: Connect,
    login: Login,
    database: str,
    lab: Lab,
    engine: Engine,
    tmp_path: Path,
) -> None:
    """The former site follows the one that took over, and then they change places."""
    write(connect, cluster, database, "where nobody looks any more")
    former = following(cluster, deployed, lab, engine, tmp_path)
    plan = play(former, "make_standby_cluster", check=True)
    assert plan.ok, plan.tail
    assert leads(cluster)

    outcome = play(former, "make_standby_cluster", confirm=cluster.name, seconds=DEPLOY_SECONDS)
    assert outcome.ok, outcome.tail
    assert {m["role"] for m in members(cluster)} == {"standby_leader", "replica"}
    rows = there(former, deployed, database)
    assert "last" in rows
    assert "where nobody looks any more" not in rows
    for host in cluster.postgres:
        assert login(host).check_output("ls -d /var/lib/postgresql/*/*.former-*")

    login(deployed.postgres[0]).check_output("systemctl disable --now patroni")
    outcome = promote(former, confirm=cluster.name)
    assert outcome.ok, outcome.tail
    eventually("the cluster is whole", BUILT_SECONDS, lambda: leads(cluster))
    write(connect, cluster, database, "at home")
    outcome = play(cluster, "site", seconds=DEPLOY_SECONDS)
    assert outcome.ok, outcome.tail
    assert not outcome.changed, outcome.tail


def following(cluster: Cluster, leading: Cluster, lab: Lab, engine: Engine, folder: Path) -> Cluster:
    """The cluster as its inventory has it, with a word whom it follows."""
    whom = followed(leading, source(leading, lab, engine, owner=cluster))
    more = folder / "follows.json"
    more.write_text(json.dumps({"all": {"vars": {"pgcluster_standby_of": whom}}}))
    return replace(cluster, sources=(*cluster.sources, str(more)))


def everything(storage: Storage, engine: Engine, cluster: str) -> set[str]:
    """All WAL of a cluster, and the names of its backups."""
    return storage.segments(engine.archive_of(cluster)) | set(storage.names(engine.backups_of(cluster)))
