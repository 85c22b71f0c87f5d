"""Back to a moment of the past: exactly there, on every member, through every endpoint; and refused without a touch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import psycopg
import pytest
from integration.backup_engines import Engine
from integration.backups import told
from integration.inventory import Cluster, Endpoint, Machine
from integration.load import Load
from integration.operations import WHOLE_SECONDS, Outcome, is_whole, members, play, standing, start, started, thorough
from integration.watch import Connect, clock, eventually, value
from testinfra.host import Host

RESTORE_SECONDS = 1500
MOMENT_SECONDS = 900
DATA = "/var/lib/postgresql/17/main"
STOPPED = "systemctl is-active patroni.service"
Login = Callable[[Machine], Host]

pytestmark = pytest.mark.usefixtures("whole")


@pytest.fixture
def whole(cluster: Cluster) -> None:
    """The test begins with a cluster that lacks nothing."""
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))


@pytest.fixture(scope="module")
def backup(cluster: Cluster, connect: Connect, database: str) -> str:
    """A full backup, made while clients write; its label."""
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    with Load(connect, cluster, database) as load:
        outcome = play(cluster, "backup")
        assert outcome.ok, outcome.tail
    verified = play(cluster, "backup_verify")  # else every restore is refused
    assert verified.ok, verified.tail
    assert load.lost() == set(), load
    with connect(cluster.rw[0], dbname=database) as session:
        session.execute("DROP TABLE IF EXISTS shop")
        session.execute("CREATE TABLE shop (item int PRIMARY KEY, sold_at timestamptz DEFAULT clock_timestamp())")
    return "newest"


def sell(connect: Connect, cluster: Cluster, database: str, first: int, last: int) -> None:
    with connect(cluster.rw[0], dbname=database) as session:
        for item in range(first, last):
            session.execute("INSERT INTO shop (item) VALUES (%s)", (item,))


def sold(connect: Connect, endpoint: Endpoint, database: str) -> set[tuple[Any, ...]]:
    with connect(endpoint, dbname=database) as session:
        return set(session.execute("SELECT item, sold_at FROM shop").fetchall())


def restore(cluster: Cluster, **wish: Any) -> Outcome:
    return play(cluster, "restore", seconds=RESTORE_SECONDS, **wish)


def configuration(cluster: Cluster, login: Login) -> Any:
    """Patroni's dynamic configuration."""
    declared = login(cluster.postgres[0]).check_output("patronictl -c /etc/patroni/config.yml show-config")
    return sorted(declared.splitlines())


def expect_rows(connect: Connect, cluster: Cluster, database: str, rows: set[tuple[Any, ...]]) -> None:
    """The very rows and no other, through every endpoint and on each member."""
    for endpoint in cluster.endpoints:
        eventually(
            f"{endpoint} has the rows",
            60,
            lambda endpoint=endpoint: sold(connect, endpoint, database) == rows,  # type: ignore[misc]
        )


class TestRefusals:
    """Nothing is stopped, and the message says what there is."""

    @pytest.mark.parametrize(
        ("wish", "words"),
        [
            ({}, "no restore is under way"),
            ({"target": "time:2026-01-01T00:00:00"}, "has no zone"),
            ({"target": "time:2001-01-01T00:00:00Z"}, "it ended after the target"),
            ({"target": "time:2999-01-01T00:00:00Z"}, "lies in the future"),
            ({"target": "latest", "backup": "20010101-000000F"}, "Available, the newest first"),
            ({"target": "latest", "timeline": "99"}, "the archive has no timeline 99"),
            ({"target": "lsn:FFFF/0"}, "ends before the target"),
            ({"target": "yesterday"}, "is no target"),
            ({"target": "latest", "confirm": "another"}, "-e confirm=main"),
            ({"target": "latest", "confirm": ""}, "-e confirm=main"),
        ],
        ids=["nothing", "zone", "before", "future", "label", "timeline", "position", "words", "other", "unconfirmed"],
    )
    def test_a_wrong_wish(
        self, cluster: Cluster, connect: Connect, backup: str, wish: dict[str, Any], words: str
    ) -> None:
        before = started(connect, cluster)
        outcome = restore(cluster, **{"confirm": "main", **wish})
        assert not outcome.ok
        assert words in outcome.said, outcome.tail
        assert started(connect, cluster) == before
        assert is_whole(cluster)

    def test_a_point_that_was_never_made(self, cluster: Cluster, connect: Connect, login: Login, backup: str) -> None:
        """Only the log can tell; the cluster serves meanwhile, and what was tried is given up in one command."""
        before = started(connect, cluster)
        label = newest_backup(cluster)
        outcome = restore(cluster, target="name:never-made", backup=label, confirm="main")
        assert not outcome.ok
        assert "name:never-made was not reached" in outcome.said, outcome.tail
        assert started(connect, cluster) == before
        given_up = restore(cluster, abandon=True)
        assert given_up.ok, given_up.tail
        assert started(connect, cluster) == before
        for machine in cluster.postgres:
            assert login(machine).run(f"ls -d {DATA}.restore-*").stdout == ""

    @pytest.mark.parametrize("broken", ["key", "bucket"])
    def test_a_repository_that_cannot_be_read(
        self, cluster: Cluster, connect: Connect, login: Login, backup: str, broken: str, engine: Engine
    ) -> None:
        before = started(connect, cluster)
        path, change = engine.broken[broken]
        for machine in cluster.postgres:
            login(machine).check_output(
                "cp --preserve %s %s && sed --in-place %s %s", path, f"{path}.kept", change, path
            )
        try:
            outcome = restore(cluster, target="latest", confirm="main", again=True)
        finally:
            for machine in cluster.postgres:
                login(machine).check_output("mv %s %s", f"{path}.kept", path)
        assert not outcome.ok
        assert "repository 1" in outcome.said, outcome.tail
        assert started(connect, cluster) == before


def newest_backup(cluster: Cluster) -> str:
    return str(told(cluster)["newest"])


def test_just_before_a_dropped_table(
    cluster: Cluster, connect: Connect, login: Login, database: str, backup: str
) -> None:
    sell(connect, cluster, database, 0, 200)
    rows = sold(connect, cluster.rw[0], database)
    target = clock(connect, cluster).isoformat()
    sell(connect, cluster, database, 200, 250)
    with connect(cluster.rw[0], dbname=database) as session:
        session.execute("DROP TABLE shop")
    declared = configuration(cluster, login)
    _leads, timeline = standing(connect, cluster)
    before = started(connect, cluster)

    plan = play(cluster, "restore", check=True, target=f"time:{target}")
    assert plan.ok, plan.tail
    assert "it is the newest that ended before the target" in plan.said
    assert started(connect, cluster) == before

    outcome = restore(cluster, target=f"time:{target}", confirm="main")
    assert outcome.ok, outcome.tail
    expect_rows(connect, cluster, database, rows)
    assert is_whole(cluster)
    assert standing(connect, cluster)[1] > timeline + 1
    assert configuration(cluster, login) == declared
    done = outcome.report["result"]
    assert done["reached"].startswith("recovery stopping before commit of transaction")
    assert max(row[1] for row in rows) <= datetime.fromisoformat(done["last_commit"]) <= datetime.fromisoformat(target)
    assert newest_backup(cluster) != done["backup"]
    for machine in cluster.postgres:
        assert login(machine).file(f"{done['former_data']}/PG_VERSION").exists

    again = restore(cluster, target=f"time:{target}", confirm="main")
    assert again.ok, again.tail
    assert "already, and what was written since stays" in again.said
    assert standing(connect, cluster)[1] == timeline + 2


def test_after_a_failover_by_the_number_of_the_transaction(
    cluster: Cluster, connect: Connect, login: Login, database: str, backup: str
) -> None:
    """The way from the backup to the target crosses a timeline."""
    label = newest_backup(cluster)
    sell(connect, cluster, database, 1000, 1050)
    moved = play(cluster, "switchover")
    assert moved.ok, moved.tail
    sell(connect, cluster, database, 1050, 1100)
    rows = sold(connect, cluster.rw[0], database)
    with connect(cluster.rw[0], dbname=database, autocommit=False) as session:
        mistake = value(session, "SELECT pg_current_xact_id()::text")
        session.execute("DROP TABLE shop")
        session.commit()
    outcome = restore(
        cluster, target=f"xid:{mistake}", inclusive=False, backup=label, confirm="main", delete_former=True
    )
    assert outcome.ok, outcome.tail
    expect_rows(connect, cluster, database, rows)
    assert is_whole(cluster)
    assert outcome.report["result"]["former_data"] == ""


def is_copied(cluster: Cluster, login: Login) -> bool:
    return any(login(m).run(f"ls {DATA}.restore-*/matriarch_restore.json").rc == 0 for m in cluster.postgres)


def is_stopped(cluster: Cluster, login: Login) -> bool:
    return all(login(m).run(STOPPED).rc != 0 for m in cluster.postgres)


def is_aside(cluster: Cluster, login: Login) -> bool:
    return any(login(m).run(f"ls -d {DATA}.former-*").rc == 0 for m in cluster.postgres)


def is_open(cluster: Cluster, login: Login) -> bool:
    return any(login(m).file(f"{DATA}/matriarch_restore.json").exists for m in cluster.postgres) and any(
        member["role"] == "leader" for member in members(cluster)
    )


def takes_writes(connect: Connect, instance: Endpoint) -> bool:
    """A member that does not answer takes none."""
    with suppress(psycopg.OperationalError), connect(instance) as session:
        return not value(session, "SELECT pg_is_in_recovery()")
    return False


def primaries(connect: Connect, cluster: Cluster) -> list[Endpoint]:
    return [instance for instance in cluster.instances if takes_writes(connect, instance)]


MOMENTS = {"copied": is_copied, "stopped": is_stopped, "aside": is_aside, "open": is_open}


@pytest.mark.parametrize("moment", [pytest.param(m, marks=() if m == "stopped" else thorough) for m in MOMENTS])
def test_an_operator_who_dies(
    cluster: Cluster, connect: Connect, login: Login, database: str, backup: str, moment: str
) -> None:
    """Running it again finishes; and never do two members take writes, or any of them the rows of the former data."""
    first = 2000 + 100 * list(MOMENTS).index(moment)
    sell(connect, cluster, database, first, first + 50)
    rows = sold(connect, cluster.rw[0], database)
    target = clock(connect, cluster).isoformat()
    sell(connect, cluster, database, first + 50, first + 60)
    for machine in cluster.postgres:  # what tests before have left would be taken for this one's
        login(machine).run(f"rm -rf {DATA}/matriarch_restore.json {DATA}.former-*")

    with start(cluster, "restore", target=f"time:{target}", confirm="main", delete_former=True) as run:
        has_come = MOMENTS[moment]
        eventually(f"the restore is {moment}", MOMENT_SECONDS, lambda: not run.lasts(0) or has_come(cluster, login))
        assert run.lasts(0), run.finish().tail
        run.kill()
    assert len(primaries(connect, cluster)) <= 1

    other = restore(cluster, target="latest", confirm="main") if moment != "copied" else None
    assert other is None or "is half done" in other.said, other.tail
    outcome = restore(cluster, confirm="main", delete_former=True)
    assert outcome.ok, outcome.tail
    expect_rows(connect, cluster, database, rows)
    assert len(primaries(connect, cluster)) == 1
    assert is_whole(cluster)
