"""The virtual address while the proxies cannot hear each other, and afterwards (fault B14)."""

from __future__ import annotations

import os
from collections.abc import Callable

from integration.inventory import Cluster, Machine
from integration.watch import Connect, eventually, value
from lab import Lab
from testinfra.host import Host

Login = Callable[[Machine], Host]
HEARD_SECONDS = 30
ATTEMPTS = 10


def test_proxies_that_do_not_hear_each_other(connect: Connect, cluster: Cluster, login: Login) -> None:
    def owners() -> list[str]:
        told = {proxy.name: login(proxy).check_output("ip -4 -brief address") for proxy in cluster.proxy}
        return [name for name, addresses in told.items() if f" {cluster.vip}/" in addresses]

    def writers_at_the_address() -> list[bool]:
        """Whether each of several sessions there may write."""
        endpoints = [endpoint for endpoint in cluster.rw if endpoint.address == cluster.vip]
        sessions = (connect(endpoint) for endpoint in endpoints for _attempt in range(ATTEMPTS))
        return [not value(session, "SELECT pg_is_in_recovery()") for session in sessions]

    lab = Lab(os.environ["MOLECULE_SCENARIO_NAME"])
    first, *others = (proxy.name for proxy in cluster.proxy)
    assert len(owners()) == 1
    lab.block(first, peers=others)
    try:
        eventually("each proxy takes the address", HEARD_SECONDS, lambda: len(owners()) == len(cluster.proxy))
        assert all(writers_at_the_address()), "wherever the address is, the same leader is behind it"
    finally:
        assert lab.unblock(first) > 0
    eventually("one proxy has the address", HEARD_SECONDS, lambda: len(owners()) == 1)
    assert all(writers_at_the_address())
