"""Every service runs where it belongs, starts with its host, and nothing else can start PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from integration.inventory import Cluster, Machine
from testinfra.host import Host

Login = Callable[[Machine], Host]


def expect_service(host: Host, unit: str) -> None:
    service = host.service(unit)
    assert service.is_running, f"{unit} does not run"
    assert service.is_enabled, f"{unit} does not start with the host"


def test_etcd_runs(login: Login, etcd_machine: Machine) -> None:
    expect_service(login(etcd_machine), "etcd.service")


def test_patroni_runs(login: Login, postgres_machine: Machine) -> None:
    expect_service(login(postgres_machine), "patroni.service")


def test_the_waker_runs(login: Login, postgres_machine: Machine) -> None:
    expect_service(login(postgres_machine), "matriarch-waker.service")


def test_the_sentry_runs(login: Login, postgres_machine: Machine) -> None:
    expect_service(login(postgres_machine), "matriarch-sentry.service")


@pytest.mark.parametrize("unit", ["haproxy.service", "pgbouncer@rw.service", "pgbouncer@ro.service"])
def test_the_proxy_runs(login: Login, proxy_machine: Machine, unit: str) -> None:
    expect_service(login(proxy_machine), unit)


def test_the_virtual_address_is_kept(login: Login, cluster: Cluster) -> None:
    if not cluster.vip:
        pytest.skip("this inventory declares no virtual IP")
    holders = [one for one in cluster.proxy if f" {cluster.vip}/" in login(one).check_output("ip -4 -o address show")]
    assert len(holders) == 1
    for proxy in cluster.proxy:
        expect_service(login(proxy), "keepalived.service")


def test_nothing_failed(login: Login, any_machine: Machine) -> None:
    assert login(any_machine).check_output("systemctl --failed --no-legend --plain") == ""


def test_no_unit_of_the_distribution_can_start_postgresql(login: Login, postgres_machine: Machine) -> None:
    host = login(postgres_machine)
    assert host.check_output("systemctl show --property=LoadState --value postgresql.service") == "masked"
    assert host.check_output("systemctl list-units --no-legend --plain 'postgresql@*'") == ""


def test_the_distribution_made_no_cluster_of_its_own(login: Login, postgres_machine: Machine) -> None:
    assert login(postgres_machine).run("find /etc/postgresql -name postgresql.conf").stdout == ""
