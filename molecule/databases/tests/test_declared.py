"""What applications and people meet of what is declared: through the pooled endpoint, with TLS and their passwords."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from integration.inventory import Cluster, Endpoint, Machine
from integration.operations import play
from integration.watch import Connect
from testinfra.host import Host

Superuser = Callable[..., str]
POOLS = """
import json, psycopg
with psycopg.connect("host=/run/pgbouncer-rw port=6432 dbname=pgbouncer", autocommit=True) as console:
    rows = console.execute("SHOW DATABASES")
    names = [column.name for column in rows.description]
    print(json.dumps([dict(zip(names, row)) for row in rows.fetchall()]))
"""


@pytest.fixture
def pooled(cluster: Cluster) -> Endpoint:
    return next(endpoint for endpoint in cluster.rw if endpoint.name == "pooled-rw")


def test_every_owner_writes_in_its_database(connect: Connect, declared: Any, pooled: Endpoint) -> None:
    for base in declared.databases:
        with connect(pooled, dbname=base["name"], **declared.as_user(base["owner"])) as session:
            session.execute("CREATE TABLE IF NOT EXISTS mine (id bigint GENERATED ALWAYS AS IDENTITY, by text)")
            session.execute("INSERT INTO mine (by) VALUES (current_user)")
            row = session.execute("SELECT current_user, current_database(), max(by) FROM mine").fetchone()
        assert row == (base["owner"], base["name"], base["owner"])


def test_nobody_else_gets_in(connect: Connect, declared: Any, pooled: Endpoint, cluster: Cluster) -> None:
    direct = next(endpoint for endpoint in cluster.rw if endpoint.name == "rw")
    for endpoint in (pooled, direct):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            connect(endpoint, dbname="odoo", **declared.as_user("wordpress"))


def test_a_reader_reads_what_the_owner_makes_later(connect: Connect, declared: Any, pooled: Endpoint) -> None:
    with connect(pooled, dbname="odoo", **declared.as_user("odoo")) as session:
        session.execute("DROP TABLE IF EXISTS later")
        session.execute("CREATE TABLE later AS SELECT 7 AS number")
    with connect(pooled, dbname="odoo", **declared.as_user("reports")) as session:
        assert session.execute("SELECT number FROM later").fetchall() == [(7,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("INSERT INTO later VALUES (8)")
        assert session.execute("SHOW statement_timeout").fetchall() == [("5min",)]


def test_a_writer_writes_in_its_schema_alone(connect: Connect, declared: Any, pooled: Endpoint) -> None:
    with connect(pooled, dbname="user", **declared.as_user("user")) as session:
        session.execute(
            'CREATE TABLE IF NOT EXISTS "select".open (a int); CREATE TABLE IF NOT EXISTS public.shut (a int)'
        )
    with connect(pooled, dbname="user", **declared.as_user("../../up")) as session:
        session.execute('INSERT INTO "select".open VALUES (1)')
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("SELECT * FROM public.shut")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute('TRUNCATE "select".open')


def test_every_pool_has_its_size(login: Callable[[Machine], Host], proxy_machine: Machine, declared: Any) -> None:
    told = {row["name"]: row for row in json.loads(login(proxy_machine).check_output("python3 -c %s", POOLS))}
    for base in declared.databases:
        pool = base.get("pool", {})
        if pool:
            assert told[base["name"]]["pool_size"] == pool["size"]
            assert told[base["name"]]["pool_mode"] == pool.get("mode")
            assert told[base["name"]]["max_connections"] == pool.get("max_connections", 0)


def test_extensions_limits_and_settings(superuser: Superuser) -> None:
    assert superuser("SELECT count(*) FROM pg_extension WHERE extname IN ('pg_trgm', 'unaccent')", "odoo") == "2"
    assert superuser("SELECT similarity('odoo', 'odoo')", "odoo") == "1"
    assert superuser("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'wordpress'") == "40"
    assert superuser("SHOW timezone", "wordpress") == "UTC"


def test_no_server_knows_a_password(superuser: Superuser, declared: Any, cluster: Cluster, connect: Connect) -> None:
    kept = superuser("SELECT string_agg(rolpassword, ' ') FROM pg_authid")
    for user in declared.users:
        if user.get("login", True):
            assert declared.password(user["name"]) not in kept
    assert kept.count("SCRAM-SHA-256$4096:") >= len(declared.users) - 1


def test_a_second_run_changes_nothing(cluster: Cluster) -> None:
    again = play(cluster, "databases")
    assert again.ok, again.tail
    assert not again.changed, again.tail
