"""Wherever backups are declared: every repository holds one without a gap, all of it is sound, and it brings back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from integration.backup_engines import PGBACKREST
from integration.backups import gaps, told
from integration.inventory import Cluster, Machine
from integration.operations import is_whole, play
from integration.watch import Connect, database_of_our_own, eventually, value
from testinfra.host import Host

FIRST_BACKUP_SECONDS = 300
RESTORE_SECONDS = 900
WHOLE_SECONDS = 120
EXPIRED_SECONDS = 120
EXPIRE = "runuser -u postgres -- faketime '+400 days' pgbackrest --stanza={stanza} --repo=1 expire"


@pytest.fixture(autouse=True)
def _declared(cluster: Cluster) -> None:
    if not cluster.repositories:
        pytest.skip("this inventory declares no backups")


@pytest.fixture(scope="module")
def database(cluster: Cluster, connect: Connect) -> Iterator[str]:
    yield from database_of_our_own(connect, cluster, "restore_verification")


def is_restorable(cluster: Cluster) -> bool:
    held = {each["repository"] for each in told(cluster)["backups"] if each["restorable"]}
    return held == set(range(1, cluster.repositories + 1))


def test_every_repository_holds_a_backup(cluster: Cluster) -> None:
    eventually("each has one that can be restored", FIRST_BACKUP_SECONDS, lambda: is_restorable(cluster))
    assert gaps(told(cluster)) == []


def test_what_they_hold_is_sound(cluster: Cluster) -> None:
    done = play(cluster, "backup_verify")
    assert done.ok, done.tail


def write(connect: Connect, cluster: Cluster, database: str, by: str) -> str:
    """A row; the position after it."""
    with connect(cluster.rw[0], dbname=database) as session:
        session.execute("INSERT INTO written (by) VALUES (%s)", (by,))
        return str(value(session, "SELECT pg_current_wal_lsn()"))


def by_name(connect: Connect, cluster: Cluster, database: str) -> dict[str, Any]:
    """Where it stands only the log knows, so the backup to begin with has to be named."""
    label = told(cluster)["backups"][-1]["label"]
    write(connect, cluster, database, "before")
    with connect(cluster.rw[0]) as session:
        session.execute("SELECT pg_create_restore_point('release')")
    return {"target": "name:release", "backup": label}


def by_position(connect: Connect, cluster: Cluster, database: str) -> dict[str, Any]:
    return {"target": f"lsn:{write(connect, cluster, database, 'before')}"}


def by_backup(connect: Connect, cluster: Cluster, database: str) -> dict[str, Any]:
    """The moment at which a backup ends."""
    write(connect, cluster, database, "before")
    done = play(cluster, "backup")
    assert done.ok, done.tail
    return {"target": "immediate"}


@pytest.mark.parametrize("mark", [by_name, by_position, by_backup])
def test_back_to_a_mark(
    cluster: Cluster, connect: Connect, database: str, mark: Callable[[Connect, Cluster, str], dict[str, Any]]
) -> None:
    if len(cluster.postgres) > 1 and mark is not by_name:
        pytest.skip("members are made anew each time: one mark is enough here")
    wanted = mark(connect, cluster, database)
    write(connect, cluster, database, "after")
    done = play(cluster, "restore", **wanted, confirm=cluster.name, delete_former=True, seconds=RESTORE_SECONDS)
    assert done.ok, done.tail
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    for endpoint in cluster.endpoints:
        eventually(
            f"{endpoint} has what was written before, and no more",
            WHOLE_SECONDS,
            lambda endpoint=endpoint: last(connect, endpoint, database) == "before",  # type: ignore[misc]
        )


def last(connect: Connect, endpoint: Any, database: str) -> Any:
    with connect(endpoint, dbname=database) as session:
        return value(session, "SELECT by FROM written ORDER BY id DESC LIMIT 1")


def test_what_is_too_old_goes_but_never_the_last(cluster: Cluster, login: Callable[[Machine], Host]) -> None:
    """The engine expires by its own clock, which says here that all backups are older than the policy keeps."""
    host = login(cluster.postgres[0])
    # A storage that is reached over the network believes no such clock.
    engine = host.file(PGBACKREST)
    if not engine.exists or "repo1-type=s3" in engine.content_string:
        pytest.skip("this inventory does not keep its backups in directories")
    before = told(cluster)["backups"]
    newest = [each["label"] for each in before if each["repository"] == 1 and each["kind"] == "full"][-1]
    assert sum(each["repository"] == 1 and each["kind"] == "full" for each in before) > 1, "nothing could go"

    host.run_expect([0], "apt-get install -qq --no-install-recommends faketime")
    for _again in range(2):
        command = EXPIRE.format(stanza=cluster.name)
        eventually("no backup is in the way", EXPIRED_SECONDS, lambda command=command: host.run(command).rc == 0)  # type: ignore[misc]

    after = told(cluster)["backups"]
    assert [each["label"] for each in after if each["repository"] == 1 and each["kind"] == "full"] == [newest]
    assert is_restorable(cluster)
    assert gaps(told(cluster)) == []
    assert not_in_the_first(after) == not_in_the_first(before)


def not_in_the_first(backups: list[dict[str, Any]]) -> list[str]:
    return [each["label"] for each in backups if each["repository"] != 1]
