"""What somebody changed by hand is shown by check mode, and mended; what holds data goes only with a word."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from integration.inventory import ROOT, Cluster, Endpoint, Machine
from integration.operations import PLAIN, inventories, play
from integration.watch import Connect, leader
from testinfra.host import Host

Superuser = Callable[..., str]
Login = Callable[[Machine], Host]
LOGS = "journalctl --boot --no-pager --output=cat; cat /var/lib/postgresql/*/main/log/* /var/log/postgresql/*; true"
DRIFT = (
    "ALTER ROLE wordpress CONNECTION LIMIT 7",
    "ALTER ROLE odoo SET work_mem TO '1GB'",
    "GRANT odoo TO forgejo",
    "ALTER DATABASE authentik OWNER TO forgejo",
    "GRANT CONNECT ON DATABASE odoo TO PUBLIC",
    "ALTER DATABASE wordpress RESET timezone",
)


@pytest.fixture
def as_declared(cluster: Cluster) -> Iterator[None]:
    """Poolers and databases are as the inventory says again, whatever the test declared."""
    yield
    mended = play(cluster, "databases")
    assert mended.ok, mended.tail


def show_differences(cluster: Cluster) -> str:
    command = ["ansible-playbook", *inventories(cluster), "--check", "--diff", "playbooks/databases.yml"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **PLAIN},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_drift_is_shown_and_mended(cluster: Cluster, superuser: Superuser) -> None:
    for statement in DRIFT:
        superuser(statement)
    superuser("REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM analysts", "odoo")
    shown = show_differences(cluster)
    for line in (
        "-user wordpress: login, at most 7 connections, password as declared",
        "+user wordpress: login, at most 40 connections, password as declared",
        "-user odoo, work_mem: 1GB",
        "-user forgejo as member of odoo: present",
        "-database authentik: owner forgejo, any number of connections",
        "-database odoo, privileges of everybody: CONNECT",
        "+database wordpress, timezone: UTC",
        "+database odoo, schema public, all tables, privileges of analysts: SELECT",
    ):
        assert line in shown.splitlines(), shown
    assert superuser("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'wordpress'") == "7", "check mode only looks"

    mended = play(cluster, "databases")
    assert mended.ok, mended.tail
    assert superuser("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'wordpress'") == "40"
    assert superuser("SELECT pg_has_role('forgejo', 'odoo', 'member')") == "f"
    assert not play(cluster, "databases").changed


@pytest.mark.usefixtures("as_declared")
def test_data_is_dropped_only_with_a_word(cluster: Cluster, connect: Connect, superuser: Superuser) -> None:
    made = play(cluster, "databases", **declared("present"))
    assert made.ok, made.tail
    superuser("CREATE TABLE precious AS SELECT 1", "passing")
    refused = play(cluster, "databases", **declared("absent"))
    assert not refused.ok
    assert "it holds data, and is dropped only with its owner's word" in refused.stdout
    assert superuser("SELECT count(*) FROM precious", "passing") == "1"

    with connect(cluster.instances[cluster.postgres.index(leader(connect, cluster))], user="admin"):
        foreseen = play(cluster, "databases", check=True, drop=["passing"], **declared("absent"))
        assert foreseen.ok, foreseen.tail
        assert superuser("SELECT count(*) FROM precious", "passing") == "1"
        gone = play(cluster, "databases", drop=["passing"], **declared("absent"))
    assert gone.ok, gone.tail
    assert superuser("SELECT count(*) FROM pg_database WHERE datname = 'passing'") == "0"
    assert superuser("SELECT count(*) FROM pg_roles WHERE rolname IN ('passing', 'guest')") == "0"
    again = play(cluster, "databases", **declared("absent"))
    assert (again.ok, again.changed) == (True, False), again.tail


@pytest.mark.usefixtures("as_declared")
def test_what_is_declared_for_clients_does_not_hinder_the_run(cluster: Cluster, superuser: Superuser) -> None:
    """An archive that is only read, its schema and extensions; and an owner who gave all of it away can go."""
    for owner in ("keeper", "forgejo"):
        made = play(cluster, "databases", **archive(owner))
        assert made.ok, made.tail
        again = play(cluster, "databases", **archive(owner))
        assert (again.ok, again.changed) == (True, False), again.tail
        kept = "SET statement_timeout TO 0; SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'kept'"
        assert superuser(kept, "archive") == owner
    for user in ("keeper", "guest"):
        left = play(cluster, "databases", databases_users=[{"name": user, "state": "absent"}], databases_declared=[])
        assert left.ok, left.tail
    gone = play(cluster, "databases", drop=["archive"], databases_declared=[{"name": "archive", "state": "absent"}])
    assert gone.ok, gone.tail
    assert superuser("SELECT count(*) FROM pg_roles WHERE rolname IN ('keeper', 'guest')") == "0"


def archive(owner: str) -> dict[str, Any]:
    readers = [{"to": "keeper", "schema": "kept", "access": "read"}] if owner != "keeper" else []
    return {
        "databases_users": [{"name": "keeper"}, {"name": "guest"}],
        "databases_declared": [
            {
                "name": "archive",
                "owner": owner,
                "encoding": "utf-8",
                "settings": {"default_transaction_read_only": True, "statement_timeout": "1ms"},
                "schemas": [{"name": "kept"}, {"name": "public"}],
                "extensions": ["plpgsql", "pg_trgm"],
                "grants": [{"to": "guest", "schema": "kept", "access": "write"}, *readers],
            }
        ],
    }


def declared(state: str) -> dict[str, Any]:
    """A database and its owner who come and go; and a guest who has access elsewhere, too."""
    databases: list[dict[str, Any]] = [{"name": "passing", "state": state, "owner": "passing"}]
    if state == "present":
        databases[0]["grants"] = [{"to": "guest", "access": "write"}]
    return {
        "databases_users": [{"name": "passing", "state": state}, {"name": "guest", "state": state}],
        "databases_declared": databases,
    }


@pytest.mark.parametrize(
    ("users", "databases", "reasons"),
    [
        (
            ["x" * 64, "ü" * 32, "postgres"],
            [],
            ["this one has 64", "the user postgres: this name is the cluster's, or PostgreSQL's own"],
        ),
        (
            [],
            [
                {"name": "fresh", "owner": "stranger"},
                {"name": "odoo", "owner": "odoo", "encoding": "LATIN1"},
                {"name": "forgejo", "owner": "forgejo", "extensions": ["nonesuch"]},
            ],
            [
                "there is no user stranger, and none is declared",
                "can only be chosen when a database is made",
                "PostgreSQL does not have its files",
            ],
        ),
    ],
    ids=["by themselves", "by what the cluster is"],
)
@pytest.mark.usefixtures("as_declared")
def test_what_makes_no_sense_is_refused_as_a_whole(
    cluster: Cluster, superuser: Superuser, users: list[str], databases: list[Any], reasons: list[str]
) -> None:
    named = [{"name": name, "login": False} for name in [*users, "innocent"]]
    refused = play(cluster, "databases", databases_users=named, databases_declared=databases)
    assert not refused.ok
    assert [reason for reason in reasons if reason not in refused.stdout] == []
    assert superuser("SELECT count(*) FROM pg_roles WHERE rolname = 'innocent'") == "0"


@pytest.mark.usefixtures("as_declared")
def test_a_lost_password_is_not_replaced(cluster: Cluster) -> None:
    path = cluster.secrets / cluster.name / "users" / "forgejo.password"
    kept = path.read_text()
    path.unlink()
    try:
        refused = play(cluster, "databases")
        assert not refused.ok
        assert "it has a password that this control node does not know" in refused.stdout
        assert not path.exists()
    finally:
        path.write_text(kept)
        path.chmod(0o600)


@pytest.mark.usefixtures("as_declared")
def test_a_new_password_reaches_no_log(cluster: Cluster, connect: Connect, login: Login, superuser: Superuser) -> None:
    """With all statements logged, which is proven by one of our own; nor do those of activity and of errors tell."""
    pooled = next(endpoint for endpoint in cluster.rw if endpoint.name == "pooled-rw")
    superuser("ALTER SYSTEM SET log_statement TO 'all'")
    superuser("SELECT pg_reload_conf()")
    try:
        changed = play(
            cluster,
            "databases",
            databases_users=[{"name": "reports", "password": "entirely-new-secret", "member_of": ["analysts"]}],
        )
        assert changed.ok, changed.tail
        superuser("SELECT 'a statement that is logged'")
    finally:
        superuser("ALTER SYSTEM RESET log_statement")
        superuser("SELECT pg_reload_conf()")
    written = log(login(leader(connect, cluster)))
    assert "a statement that is logged" in written
    assert "SCRAM-SHA-256" not in written
    assert "entirely-new-secret" not in written + changed.stdout
    with connect(pooled, dbname="odoo", user="reports", password="entirely-new-secret") as session:
        assert session.execute("SELECT current_user").fetchone() == ("reports",)
    with pytest.raises(psycopg.OperationalError, match="auth"):
        refuses_old(connect, cluster, pooled)


def refuses_old(connect: Connect, cluster: Cluster, pooled: Endpoint) -> None:
    connect(pooled, dbname="odoo", user="reports", password=cluster.secret("users/reports.password"))


def log(host: Host) -> str:
    """Where PostgreSQL's words go: to the journal of whoever started it, or to files of its own."""
    return str(host.run(LOGS).stdout)
