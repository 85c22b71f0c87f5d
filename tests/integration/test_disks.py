"""What a member writes is where it is declared to be, and room is kept back beside it."""

from __future__ import annotations

from collections.abc import Callable

from integration.inventory import Cluster, Machine
from testinfra.host import Host

Login = Callable[[Machine], Host]
BALLAST_MIB = 64


def wal_directory(host: Host, cluster: Cluster) -> str:
    return str(host.check_output(f"readlink -e /var/lib/postgresql/*/{cluster.name}/pg_wal"))


def test_wal_is_where_it_is_declared(login: Login, cluster: Cluster, postgres_machine: Machine) -> None:
    found = wal_directory(login(postgres_machine), cluster)
    assert found == cluster.wal_directory or (not cluster.wal_directory and found.endswith(f"/{cluster.name}/pg_wal"))


def test_room_is_kept_back_beside_it(login: Login, cluster: Cluster, postgres_machine: Machine) -> None:
    host = login(postgres_machine)
    ballast = f"{wal_directory(host, cluster).removesuffix('/pg_wal')}.ballast"
    assert int(host.check_output(f"du --block-size=1M {ballast}").split()[0]) >= BALLAST_MIB
