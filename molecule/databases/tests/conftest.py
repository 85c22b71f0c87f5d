"""The fixtures of tests/integration, which lies in another folder, and what is declared."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from integration.conftest import cluster, connect, login, pytest_generate_tests
from integration.inventory import Cluster, Machine
from integration.scenario import lab
from integration.watch import Connect, leader
from testinfra.host import Host

__all__ = ["cluster", "connect", "declared", "lab", "login", "pytest_generate_tests", "superuser"]


class Loader(yaml.SafeLoader):
    """YAML as Ansible reads it."""


yaml.add_constructor("!unsafe", Loader.construct_yaml_str, Loader)


@dataclass(frozen=True)
class Declared:
    """The inventory's own words."""

    cluster: Cluster
    users: list[dict[str, Any]]
    databases: list[dict[str, Any]]

    def password(self, user: str) -> str:
        """The one of the inventory, or the one that was made."""
        (found,) = (each for each in self.users if each["name"] == user)
        return str(found.get("password") or self.cluster.secret(f"users/{quote(user, safe='')}.password"))

    def as_user(self, user: str) -> dict[str, str]:
        """How a client logs in."""
        return {"user": user, "password": self.password(user)}


@pytest.fixture(scope="session")
def declared(cluster: Cluster) -> Declared:
    text = Path(os.environ["MATRIARCH_INVENTORY"]).read_text(encoding="utf-8")
    said = yaml.load(text, Loader)["all"]["vars"]
    return Declared(cluster, said["databases_users"], said["databases_declared"])


def psql(
    connect: Connect, cluster: Cluster, login: Callable[[Machine], Host], statement: str, database: str = "postgres"
) -> str:
    host = login(leader(connect, cluster))
    asked = host.check_output("psql --username=postgres --no-psqlrc -qAt --dbname=%s --command=%s", database, statement)
    return str(asked)


@pytest.fixture
def superuser(connect: Connect, cluster: Cluster, login: Callable[[Machine], Host]) -> Callable[..., str]:
    """SQL as the superuser, on whoever leads now."""
    return functools.partial(psql, connect, cluster, login)
