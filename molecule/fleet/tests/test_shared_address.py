"""One virtual address for several clusters: whichever proxy has it passes the sessions of both on."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
from integration.inventory import Cluster, Endpoint, Machine, load
from integration.watch import Connect, eventually, value
from testinfra.host import Host

Login = Callable[[Machine], Host]
FOUND_SECONDS = 30


def test_it_carries_another_cluster_wherever_it_is(connect: Connect, cluster: Cluster, login: Login) -> None:
    if not cluster.vip:
        pytest.skip("it has no virtual address")

    def owners() -> list[str]:
        told = {proxy.name: login(proxy).check_output("ip -4 -brief address") for proxy in cluster.proxy}
        return [name for name, addresses in told.items() if f" {cluster.vip}/" in addresses]

    def is_led(entrance: Endpoint) -> bool:
        with connect(entrance, password=other.secret("admin_password")) as session:
            return not value(session, "SELECT pg_is_in_recovery()")

    def both_lead_there() -> None:
        for entrance in entrances:
            eventually(f"{entrance} leads to {other}", FOUND_SECONDS, functools.partial(is_led, entrance))

    (other,) = (each for each in load() if each != cluster)
    _proxy, ports = other.shared[0]
    entrances = [Endpoint(f"{name}-at-vip", cluster.vip, ports[f"{name}_port"]) for name in ("rw", "pooled_rw")]
    (owner,) = owners()
    host = next(login(proxy) for proxy in cluster.proxy if proxy.name == owner)
    both_lead_there()
    host.check_output("systemctl stop haproxy")
    try:
        eventually("another proxy has the address", FOUND_SECONDS, lambda: owners() not in ([], [owner]))
        both_lead_there()
    finally:
        host.check_output("systemctl start haproxy")
    eventually("one proxy has it", FOUND_SECONDS, lambda: len(owners()) == 1)
