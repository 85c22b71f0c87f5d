"""The promise behind a commit: who streams, and who has to acknowledge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from integration.inventory import Cluster

Connect = Callable[..., psycopg.Connection[Any]]
# The protection that a cluster of so many members declares by default, as PostgreSQL's sync_state shows it.
SYNC_STATES = {1: set(), 2: {"sync"}, 3: {"quorum"}}


@pytest.fixture
def standbys(connect: Connect, cluster: Cluster) -> list[tuple[str, str, str]]:
    with connect(cluster.rw[0]) as session:
        return session.execute("SELECT application_name, state, sync_state FROM pg_stat_replication").fetchall()


def test_every_other_member_streams(cluster: Cluster, standbys: list[tuple[str, str, str]]) -> None:
    members = {machine.name for machine in cluster.postgres}
    streaming = {name for name, state, _sync in standbys if state == "streaming"}
    assert streaming < members
    assert len(streaming) == len(members) - 1


def test_commits_wait_as_declared(cluster: Cluster, standbys: list[tuple[str, str, str]]) -> None:
    assert {sync for _name, _state, sync in standbys} == SYNC_STATES[len(cluster.postgres)]


def test_replication_is_encrypted(connect: Connect, cluster: Cluster) -> None:
    query = "SELECT count(*) FROM pg_stat_replication r JOIN pg_stat_ssl s USING (pid) WHERE NOT s.ssl"
    with connect(cluster.rw[0]) as session:
        assert session.execute(query).fetchone() == (0,)


def test_data_pages_have_checksums(connect: Connect, cluster: Cluster) -> None:
    with connect(cluster.rw[0]) as session:
        assert session.execute("SHOW data_checksums").fetchone() == ("on",)
