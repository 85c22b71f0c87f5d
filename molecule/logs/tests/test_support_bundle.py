"""A bundle has what it takes to find a cause, and no secret: neither the cluster's own nor those that were planted."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import yaml
from integration.inventory import Cluster, Machine
from integration.operations import Outcome, play
from integration.watch import Connect, leader
from lab import Lab
from testinfra.host import Host

Login = Callable[[Machine], Host]
MARK = "pLaNtEd"
PLANTED = (
    f"host=x user=y password={MARK}dsn dbname=z",
    f"postgres://app:{MARK}url@db1/shop",
    f"password: {MARK}yaml",
    f'{{"token": "{MARK}json"}}',
    f"Authorization: Basic {MARK}header==",
    "SCRAM-SHA-256$4096:c2FsdA==$" + f"{MARK}stored=:{MARK}server=",
    f"AWS_SECRET_ACCESS_KEY={MARK}aws",
    "-----BEGIN PRIVATE" + f" KEY-----\n{MARK}one\n{MARK}two==\n-----END PRIVATE" + " KEY-----",
)
CONFIGURATION = f"""
[global]
repo1-cipher-pass={MARK}cipher
repo1-s3-key-secret={MARK}secret
client_key: |
  {MARK}block
"""
# A line of a process that belongs to the unit.
UNIT = "/sys/fs/cgroup/system.slice/matriarch-waker.service/cgroup.procs"
AS_THE_WAKER = f'sh -c \'echo $$ > {UNIT}; printf "%%s\\\\n" "$1" | systemd-cat --identifier=planted\' sh %s'
TOLD = (
    "files/etc/etcd/etcd.env",
    "files/etc/patroni/config.yml",
    "files/etc/haproxy/haproxy.cfg",
    "files/etc/pgbouncer/rw.ini",
    "files/etc/pgbouncer/userlist.txt",
    "files/etc/planted.conf",
    "commands/packages.txt",
    "commands/patroni_version.txt",
    "commands/postgresql_settings.txt",
    "commands/postgresql_control.txt",
    "commands/haproxy_version.txt",
    "journal/patroni.service.log",
    "journal/etcd.service.log",
    "journal/pgbouncer@rw.service.log",
)


@pytest.fixture(scope="module")
def planted(cluster: Cluster, connect: Connect, login: Login) -> Iterator[None]:
    """Secrets where they have no business to be: a configuration, PostgreSQL's log, a journal."""
    for machine in cluster.postgres:
        host = login(machine)
        host.check_output("printf %%s %s > /etc/planted.conf", CONFIGURATION)
        for line in PLANTED:
            host.check_output(AS_THE_WAKER, line)
    told = [f"x{secret}y" for secret in secrets(cluster)] + [f"ALTER ROLE x PASSWORD '{MARK}sql'"]
    with connect(cluster.rw[0]) as session:
        for text in told:
            with pytest.raises(psycopg.errors.DivisionByZero):
                session.execute(f"SELECT 1/0 /* {text} */")
    yield
    for machine in cluster.postgres:
        login(machine).check_output("rm -f /etc/planted.conf")


def secrets(cluster: Cluster) -> list[str]:
    """Every secret that the control node has of this cluster."""
    folder = cluster.secrets / cluster.name
    files = [
        path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in ("pgpass", "pg_service.conf")
    ]
    return [path.read_text().rstrip("\n") for path in files] + ["two words {{ and }} 'quotes\" %s \\"]


def bundle(cluster: Cluster, directory: Path, *, check: bool = False) -> Outcome:
    extra: dict[str, Any] = {
        "support_bundle_extra_files": ["/etc/planted.conf"],
        "directory": str(directory),
        "since": "-3h",
    }
    return play(cluster, "support_bundle", check=check, **extra)


def read(directory: Path) -> dict[str, str]:
    (path,) = directory.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        files = {member.name.partition("/")[2]: archive.extractfile(member) for member in archive.getmembers()}
        return {name: file.read().decode() for name, file in files.items() if file}


def left_behind(cluster: Cluster, login: Login) -> dict[str, str]:
    """What is in the places for temporary files, by host."""
    find = "find /tmp /var/tmp /root -newer /etc/planted.conf -type f -not -path '*/systemd-private-*' | sort"
    return {machine.name: str(login(machine).check_output(find)) for machine in cluster.machines}


@pytest.mark.usefixtures("planted")
class TestABundle:
    def test_it_has_no_secret(self, cluster: Cluster, connect: Connect, login: Login, tmp_path: Path) -> None:
        for machine in cluster.postgres:
            said = login(machine).check_output("journalctl -q -o cat --unit=matriarch-waker")
            assert MARK in said, "there is a secret to find"
        logged = login(leader(connect, cluster)).check_output("journalctl -q -o cat --unit=patroni")
        assert [secret for secret in secrets(cluster) if secret not in logged] == []
        before = left_behind(cluster, login)
        done = bundle(cluster, tmp_path)
        assert done.ok, done.tail
        assert not done.changed
        inside = read(tmp_path)
        found: dict[str, Any] = {}
        for name, text in inside.items():
            for secret in [MARK, *secrets(cluster)]:
                for spelling in (secret, quote(secret), json.dumps(secret)[1:-1], secret.replace("'", "''")):
                    if spelling in text:
                        found.setdefault(name, []).append(text[max(0, text.find(spelling) - 60) :][:120])
        assert found == {}
        assert "<removed>" in inside["hosts/db1/files/etc/planted.conf"]
        assert not re.search(rf"{MARK}|{re.escape(cluster.secret('admin_password'))}", done.stdout)
        assert left_behind(cluster, login) == before

    def test_it_has_what_it_takes(self, cluster: Cluster, connect: Connect, tmp_path: Path) -> None:
        assert bundle(cluster, tmp_path).ok
        inside = read(tmp_path)
        for machine in cluster.postgres:
            assert [name for name in TOLD if not inside.get(f"hosts/{machine.name}/{name}")] == []
        assert json.loads(inside["status.json"])["verdict"] == "stable"
        configuration = yaml.safe_load(inside["hosts/db1/files/etc/patroni/config.yml"])
        assert configuration["postgresql"]["authentication"]["replication"]["sslkey"] == "/etc/matriarch/tls/host.key"
        first = leader(connect, cluster).name
        assert (
            "I am" in inside[f"hosts/{first}/journal/patroni.service.log"]
            or "lock" in inside[f"hosts/{first}/journal/patroni.service.log"]
        )
        assert "| hosts/" not in inside["INDEX.md"]

    def test_check_mode_says_what_would_be_in_it(self, cluster: Cluster, tmp_path: Path) -> None:
        done = bundle(cluster, tmp_path, check=True)
        assert done.ok, done.tail
        assert not done.changed
        assert "db2: files/etc/patroni/config.yml" in done.said
        assert list(tmp_path.iterdir()) == []

    def test_a_host_that_is_down_is_said_to_be(self, cluster: Cluster, lab: Lab, tmp_path: Path) -> None:
        lab.power_cut("db1")
        try:
            done = bundle(cluster, tmp_path)
        finally:
            lab.start("db1")
        assert done.returncode in (0, 4), done.tail
        inside = read(tmp_path)
        assert json.loads(inside["index.json"])["silent_hosts"] == ["db1"]
        assert "db1 did not answer" in inside["INDEX.md"]
        assert inside["hosts/db2/journal/patroni.service.log"]
        assert "db1" in done.said
