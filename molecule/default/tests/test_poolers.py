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
            connect(pooled, connect_timeout=3)
    finally:
        login(proxy).check_output("systemctl start haproxy")
    eventually("HAProxy passes sessions on", SERVING_SECONDS, lambda: connect(rw).close() is None)
    time.sleep(FORGOTTEN_SECONDS)
    connect(pooled).close()
