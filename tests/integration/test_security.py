"""What must not work, and what must not be seen."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from integration.inventory import Cluster, Endpoint, Machine, load
from testinfra.host import Host

Connect = Callable[..., psycopg.Connection[Any]]
Login = Callable[[Machine], Host]
SECRETS = ("admin_password", "probe_password")
# Ports that hosts of a group open to others.
SSH = {22}
ETCD = {2379, 2380}
BACKUP = {8432}
EXPORTERS = {8405, 9100, 9127, 9128, 9187}


def test_a_connection_without_tls_is_refused(connect: Connect, any_endpoint: Endpoint) -> None:
    with pytest.raises(psycopg.OperationalError):
        connect(any_endpoint, sslmode="disable")


def test_a_wrong_password_is_refused(connect: Connect, any_endpoint: Endpoint) -> None:
    with pytest.raises(psycopg.OperationalError, match="auth"):
        connect(any_endpoint, password="wrong")


def test_the_superuser_cannot_come_over_the_network(connect: Connect, any_endpoint: Endpoint) -> None:
    with pytest.raises(psycopg.OperationalError):
        connect(any_endpoint, user="postgres")


def first_byte_without_certificate(address: str, port: int, ca: Path) -> bytes:
    """TLS 1.3 tells a client that its certificate is missing only after the handshake, so something must be read."""
    context = ssl.create_default_context(cafile=str(ca))
    with (
        socket.create_connection((address, port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=address) as session,
    ):
        session.sendall(b"GET /version HTTP/1.0\r\n\r\n")
        return session.recv(1)


@pytest.mark.parametrize("port", sorted(ETCD))
def test_etcd_answers_nobody_without_a_certificate(cluster: Cluster, etcd_machine: Machine, port: int) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        first_byte_without_certificate(etcd_machine.address, port, cluster.ca)


def test_patroni_takes_no_order_without_a_certificate(
    cluster: Cluster, login: Login, postgres_machine: Machine
) -> None:
    """Asked from the member itself, whose address is allowed to give orders."""
    order = (
        "import ssl, urllib.request as r;"
        "c = ssl.create_default_context(cafile='/etc/matriarch/tls/ca.crt');"
        f"q = r.Request('https://{postgres_machine.address}:{cluster.patroni_port}/reload', method='POST');"
        "print(r.urlopen(q, context=c, timeout=5).status)"
    )
    answer = login(postgres_machine).run("python3 -c %s", order)
    assert "HTTP Error 403" in answer.stderr, answer


def declared_ports(machine: Machine) -> set[int]:
    """What a host may open to others for any of the clusters that it serves."""
    ports = set(SSH)
    for cluster in load():
        ports |= ETCD if machine in cluster.etcd else set()
        ports |= {cluster.postgresql_port, cluster.patroni_port} if machine in cluster.postgres else set()
        ports |= BACKUP if cluster.repositories and machine in cluster.postgres else set()
        ports |= EXPORTERS if cluster.is_monitored and machine in cluster.machines else set()
        ports |= cluster.proxy_ports if machine in cluster.proxy else set()
    return ports


def test_only_declared_ports_are_open(login: Login, any_machine: Machine) -> None:
    """Whatever else listens has to keep to loopback."""
    sockets = login(any_machine).check_output("ss -Hltn")
    listening = re.findall(r"^LISTEN +\d+ +\d+ +(\S+):(\d+) ", sockets, re.MULTILINE)
    opened = {(address, int(port)) for address, port in listening if not address.startswith(("127.", "[::1]"))}
    assert {(address, port) for address, port in opened if port not in declared_ports(any_machine)} == set()


def test_the_private_key_is_kept_close(login: Login, any_machine: Machine) -> None:
    key = login(any_machine).file("/etc/matriarch/tls/host.key")
    assert (key.user, key.group, oct(key.mode)) == ("root", "ssl-cert", "0o640")


def test_every_host_has_a_key_of_its_own(login: Login, cluster: Cluster) -> None:
    sums = {login(machine).file("/etc/matriarch/tls/host.key").sha256sum for machine in cluster.machines}
    assert len(sums) == len(cluster.machines)


def test_the_authority_stays_on_the_control_node(login: Login, cluster: Cluster, any_machine: Machine) -> None:
    assert (cluster.secrets / "ca" / "ca.key").stat().st_mode & 0o077 == 0
    found = login(any_machine).check_output(
        "find /etc/matriarch /etc/patroni /etc/etcd -name 'ca.key' 2>/dev/null || true"
    )
    assert found == ""


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_not_on_display(login: Login, cluster: Cluster, any_machine: Machine, secret: str) -> None:
    """Neither in a process's arguments nor in the journal nor readable to everybody."""
    clear_text = cluster.secret(secret)
    host = login(any_machine)
    assert clear_text not in host.check_output("ps -eo args")
    assert clear_text not in host.check_output("journalctl --boot --no-pager --output=cat")
    readable = host.run(
        "find /etc /var/lib /var/log /run -xdev -type f -perm -o=r -exec grep -lF %s {} + 2>/dev/null", clear_text
    )
    assert readable.stdout == ""
