"""The clients of one trial: who connects where, and what they noted together."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from typing import Any

import client_load
from client_load import Load
from integration.inventory import Cluster

from faults.clients import Client, Open, Reader, Writer
from faults.history import History

POOLED, RW, DIRECT, RO = "pooled-rw", "rw", "direct", "pooled-ro"
WRITERS = {POOLED: 4, RW: 2, DIRECT: 2}
READERS = {POOLED: 1, RW: 1, RO: 1}
# A peer that is silent is given up in about ten seconds, as the documents advise applications.
PATIENCE = {"tcp_user_timeout": 10000, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}


def clients(cluster: Cluster, database: str, options: str = "") -> Load[Client]:
    """All of them; `options` are settings of PostgreSQL for the sessions that no pooler shares."""
    run = uuid.uuid4()
    members = {machine.address: machine.name for machine in cluster.postgres}

    def opening(endpoint: str) -> Open:
        return lambda: open_session(cluster, endpoint, database, options)

    writers = [
        Writer(endpoint, f"{endpoint}#{number}", run, opening(endpoint), members=members)
        for endpoint, count in WRITERS.items()
        for number in range(count)
    ]
    readers = [
        Reader(endpoint, f"{endpoint} reader {number}", run, opening(endpoint), workers=[each.name for each in writers])
        for endpoint, count in READERS.items()
        for number in range(count)
    ]
    return Load([*writers, *readers])


def open_session(cluster: Cluster, endpoint: str, database: str, options: str = "") -> client_load.Session:
    """With the cluster's service file; `direct` goes to whichever member takes writes, past every proxy."""
    os.environ["PGSERVICEFILE"] = str(cluster.secrets / cluster.name / "pg_service.conf")
    changed: dict[str, Any] = {"dbname": database, "prepare_threshold": None, **PATIENCE, **hosts(cluster, endpoint)}
    if options and endpoint in (RW, DIRECT):
        changed["options"] = options
    service = RW if endpoint == DIRECT else endpoint
    return client_load.connect(f"{cluster.name}-{service}", **changed)


def hosts(cluster: Cluster, endpoint: str) -> Mapping[str, str]:
    """Said again, for psycopg to try them one by one.

    It does not notice that libpq goes on to the next host of a service file, where both sockets have the same number
    (3.3.9), and waits for the first one until its `connect_timeout`.
    """
    proxies = (place for place in (*cluster.rw, *cluster.ro) if place.name == endpoint)
    places = cluster.instances if endpoint == DIRECT else tuple(proxies)
    return {
        "host": ",".join(place.address for place in places),
        "port": ",".join(str(place.port) for place in places),
    }


def noted(load: Load[Client]) -> History:
    """What they noted until now, for when they have ended; the watcher's part is not theirs."""
    writers = [client for client in load.clients if isinstance(client, Writer)]
    return History(
        writes=[write for writer in writers for write in (*writer.writes, *filter(None, [writer.pending]))],
        reads=[read for client in load.clients if isinstance(client, Reader) for read in list(client.reads)],
        refusals=[refusal for client in load.clients for refusal in list(client.refusals)],
    )
