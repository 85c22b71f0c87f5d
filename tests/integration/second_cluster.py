"""A second cluster of one host, which lives from the first one's backups; its inventory is written by the test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from integration.backup_engines import Engine
from integration.inventory import Cluster, Machine
from lab import Lab


def machine(lab: Lab, name: str) -> Machine:
    return Machine(name, lab.address(name), str(lab.key), f"-o UserKnownHostsFile={lab.known_hosts}")


def undeclared(name: str, host: Machine, folder: Path) -> Cluster:
    """One host, which has etcd, a member and a proxy."""
    return Cluster(name, (str(folder / "hosts.json"),), folder / ".secrets", (host,), (host,), (host,), "")


def declare(second: Cluster, variables: dict[str, Any]) -> None:
    """Write its inventory."""
    (host,) = second.postgres
    reached = {
        "ansible_host": host.address,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": host.key,
        "ansible_ssh_common_args": host.ssh_arguments,
    }
    content = {
        "hosts": {host.name: reached},
        "vars": {"pgcluster_name": second.name, "pgcluster_client_networks": ["10.77.0.0/16"], **variables},
        "children": {group: {"hosts": {host.name: {}}} for group in ("etcd", "postgres", "proxy")},
    }
    Path(second.sources[0]).write_text(json.dumps({"all": content}))


def repository(cluster: Cluster, lab: Lab) -> dict[str, Any]:
    """Where the first cluster's backups are, as it declares it."""
    storage = cluster.secrets / "storage"
    return {
        "type": "s3",
        "endpoint": lab.address("s3"),
        "port": 8443,
        "bucket": "backups",
        "access_key": (storage / "access_key").read_text().strip(),
        "secret_key": (storage / "secret_key").read_text().strip(),
        "ca_certificate": (storage / "ca.crt").read_text(),
    }


def source(cluster: Cluster, lab: Lab, engine: Engine, owner: Cluster | None = None) -> dict[str, Any]:
    """Whose backups another cluster reads; `owner` has the storage's keys, where that is not the same one."""
    known = {"passphrase": cluster.secret("backup_passphrase")} if engine.encrypts else {}
    where = repository(owner or cluster, lab)
    return {"cluster": cluster.name, "engine": engine.name, "repositories": [where], **known}


def login_of(cluster: Cluster) -> dict[str, Any]:
    """How an application logs in there."""
    return {
        "user": "admin",
        "password": cluster.secret("admin_password"),
        "sslmode": "verify-full",
        "sslrootcert": str(cluster.ca),
        "connect_timeout": 10,
        "autocommit": True,
    }
