"""Leadership moves while databases are made, or has to move before they can be: the run ends as if nothing had been."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from integration.inventory import Cluster, Machine
from integration.operations import WHOLE_SECONDS, is_whole, play, start
from integration.watch import Connect, eventually, leader
from lab import Lab
from testinfra.host import Host

Superuser = Callable[..., str]
Login = Callable[[Machine], Host]
MANY = 60
STARTED_SECONDS = 180
COUNT = "SELECT count(*) FROM pg_database WHERE datname LIKE 'many%'"

pytestmark = pytest.mark.usefixtures("declared_again")


@pytest.fixture(scope="module")
def declared_again(cluster: Cluster) -> Iterator[None]:
    """These tests declare other databases, with other pools and libraries."""
    yield
    back = play(cluster, "site")
    assert back.ok, back.tail


def many(state: str) -> dict[str, Any]:
    names = [f"many{number:02}" for number in range(MANY)]
    return {
        "databases_users": [{"name": name, "state": state, "login": False} for name in names],
        "databases_declared": [
            {"name": name, "state": state, "owner": name, "schemas": [{"name": "own"}] if state == "present" else []}
            for name in names
        ],
    }


@pytest.mark.parametrize("fault", ["power cut", "crash"])
def test_a_failover_in_the_middle(
    connect: Connect, cluster: Cluster, lab: Lab, login: Login, superuser: Superuser, fault: str
) -> None:
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    old = leader(connect, cluster)
    with start(cluster, "databases", **many("present")) as run:
        eventually("some are made", STARTED_SECONDS, lambda: int(superuser(COUNT)) >= 3)
        seen = int(superuser(COUNT))
        if fault == "power cut":
            lab.power_cut(old.name)
        else:
            login(old).run("kill -9 $(head -n 1 /var/lib/postgresql/*/main/postmaster.pid)")
        done = run.finish()
    if fault == "power cut":
        lab.start(old.name)
    assert seen < MANY, "the run was over too soon for this test to show anything"
    assert done.ok, done.tail
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    assert leader(connect, cluster) != old
    assert superuser(COUNT) == str(MANY)
    again = play(cluster, "databases", **many("present"))
    assert (again.ok, again.changed) == (True, False), again.tail
    gone = play(cluster, "databases", drop=[f"many{number:02}" for number in range(MANY)], **many("absent"))
    assert gone.ok, gone.tail
    assert superuser(COUNT) == "0"


def test_an_extension_that_needs_a_restart(cluster: Cluster, superuser: Superuser) -> None:
    """Its package comes, its library is declared; only the rolling restart restarts, and then it is made."""
    audited: dict[str, Any] = {
        "databases_users": [{"name": "odoo"}],
        "databases_declared": [{"name": "odoo", "owner": "odoo", "extensions": ["pgaudit"]}],
    }
    foreseen = play(cluster, "databases", check=True, **audited)
    assert foreseen.ok, foreseen.tail
    begun = superuser("SELECT pg_postmaster_start_time()")
    waiting = play(cluster, "databases", **audited)
    assert waiting.ok, waiting.tail
    assert "database odoo, extension pgaudit: made only after PostgreSQL was restarted" in waiting.said
    assert superuser("SELECT pg_postmaster_start_time()") == begun
    assert superuser("SELECT count(*) FROM pg_extension WHERE extname = 'pgaudit'", "odoo") == "0"

    restarted = play(cluster, "rolling_restart", **audited)
    assert restarted.ok, restarted.tail
    made = play(cluster, "databases", **audited)
    assert made.ok, made.tail
    assert superuser("SELECT count(*) FROM pg_extension WHERE extname = 'pgaudit'", "odoo") == "1"
    assert not play(cluster, "databases", **audited).changed
