"""Hosts that have a role in their cloud need no keys of their own to archive and to back up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from integration import host_identity
from integration.backup_engines import Engine
from integration.backups import gaps, leading, told
from integration.inventory import ROOT, Cluster, Machine
from integration.operations import WHOLE_SECONDS, is_whole, play, thorough
from integration.watch import Connect, eventually
from lab import Lab
from testinfra.host import Host

Login = Callable[[Machine], Host]


@pytest.fixture
def secrets() -> Path:
    return ROOT / "molecule" / os.environ["MOLECULE_SCENARIO_NAME"] / ".secrets" / "storage"


@pytest.fixture
def keys(secrets: Path) -> tuple[str, str]:
    access, secret = ((secrets / name).read_text(encoding="utf-8").split()[0] for name in ("access_key", "secret_key"))
    return access, secret


@pytest.fixture
def by_role(
    lab: Lab, secrets: Path, keys: tuple[str, str], cluster: Cluster, login: Login
) -> Iterator[dict[str, object]]:
    """What declares the same repository without keys; the hosts have their role meanwhile, and keys again after it."""
    authority = (secrets / "ca.crt").read_text(encoding="utf-8")
    place = {"type": "s3", "endpoint": lab.address("s3"), "port": 8443, "bucket": "backups"}
    with host_identity.lent([login(each) for each in cluster.postgres], *keys):
        yield {**place, "ca_certificate": authority, "credentials": "host_role"}
        back = play(cluster, "site")
        assert back.ok, back.tail


@thorough
def test_the_host_s_role_is_enough(
    by_role: dict[str, object], keys: tuple[str, str], cluster: Cluster, connect: Connect, login: Login, engine: Engine
) -> None:
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    changed = play(cluster, "site", backup_repositories=[by_role])
    assert changed.ok, changed.tail
    for member in cluster.postgres:
        assert login(member).run(f"grep --recursive --fixed-strings {keys[1]} /etc").exit_status == 1
    before = {each["label"] for each in told(cluster)["backups"]}
    login(leading(cluster)).check_output("runuser -u postgres -- psql -XAtc 'SELECT pg_switch_wal()'")
    made = play(cluster, "backup", type=engine.kinds[-1])
    assert made.ok, made.tail
    answer = told(cluster)
    assert {each["label"] for each in answer["backups"]} > before
    assert gaps(answer) == []
    assert host_identity.asked(login(leading(cluster))) > 0
    again = play(cluster, "site", backup_repositories=[by_role])
    assert again.ok, again.tail
    assert not again.changed, again.tail
