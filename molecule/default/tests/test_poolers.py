"""A pooler after an outage that its clients did not wait for."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg
import pytest
from integration.inventory import Cluster, Machine
from integration.watch import Connect, eventually
from testinfra.host import Host

Login = Callable[[Machine], Host]
GIVEN_UP_SECONDS = 90  # by the pooler; it does not notice that a client has, and goes on trying for it
SERVING_SECONDS = 15
FORGOTTEN_SECONDS = 13  # autodb_idle_timeout, and the pooler's own time to act on it


def test_the_first_client_after_an_outage_is_served(connect: Connect, cluster: Cluster, login: Login) -> None:
    proxy = cluster.proxy[-1]
    rw, pooled = (
        next(place for place in cluster.rw if (place.address, place.name) == (proxy.address, name))
        for name in ("rw", "pooled-rw")
    )
    login(proxy).check_output("systemctl stop haproxy")
    try:
        with pytest.raises(psycopg.OperationalError):
            connect(pooled, connect_timeout=GIVEN_UP_SECONDS)
    finally:
        login(proxy).check_output("systemctl start haproxy")
    eventually("HAProxy passes sessions on", SERVING_SECONDS, lambda: not connect(rw).close())  # type: ignore[func-returns-value]
    time.sleep(FORGOTTEN_SECONDS)
    connect(pooled).close()
