"""A cluster that lives changes its engine, and changes it back. The last of all tests here: log is missing between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from integration.backup_engines import ENGINES, Engine
from integration.backups import gaps, leading, told
from integration.inventory import Cluster, Machine
from integration.load import Load
from integration.operations import WHOLE_SECONDS, is_whole, play, started
from integration.watch import Connect, clock, eventually
from testinfra.host import Host

Login = Callable[[Machine], Host]

FIRST_BACKUP_SECONDS = 300


def end_segment(cluster: Cluster, login: Login) -> None:
    login(leading(cluster)).check_output("runuser -u postgres -- psql -XAtc 'SELECT pg_switch_wal()'")


def has_backup(cluster: Cluster, since: datetime) -> bool:
    return any(datetime.fromisoformat(each["stopped"]) > since for each in told(cluster)["backups"])


def test_there_and_back(cluster: Cluster, connect: Connect, login: Login, database: str, engine: Engine) -> None:
    """Nothing restarts, and no client notices; the first backup comes by itself, also of a former engine."""
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    other = next(name for name in ENGINES if name != engine.name)
    before = started(connect, cluster)
    for name in (other, engine.name):
        begun = clock(connect, cluster)
        with Load(connect, cluster, database) as load:
            changed = play(cluster, "site", backup_engine=name, backup_change_engine=name)
            assert changed.ok, changed.tail
        assert load.errors == []
        assert load.lost() == set(), load
        # What the other engine archived is missing after the former backups, which the next segment shows.
        end_segment(cluster, login)
        eventually("there is a backup", FIRST_BACKUP_SECONDS, lambda begun=begun: has_backup(cluster, begun))  # type: ignore[misc]
        # What is missing after it at first makes another one due.
        eventually("no log is missing after it", FIRST_BACKUP_SECONDS, lambda: gaps(told(cluster)) == [])
        verified = play(cluster, "backup_verify", backup_engine=name)
        assert verified.ok, verified.tail
        again = play(cluster, "site", backup_engine=name)
        assert again.ok, again.tail
        assert not again.changed, again.tail
    assert started(connect, cluster) == before
