#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: client_probe
short_description: Measure what clients feel while a cluster is operated
version_added: 0.1.0
author: [The Matriarch authors (@matriarch)]
description:
  - Leaves a process behind on the host that writes and reads through the endpoints as applications would, and tells
    afterwards how long the longest pause was, which errors came, and whether every acknowledged row is still there.
  - Each client makes one statement at a time, in a transaction of its own, with verified TLS. After an error it
    connects again at once. A client gives a server up that is silent for ten seconds.
  - The rows go to the table C(matriarch.probe_writes) and are deleted in the end. Those of a probe that was killed are
    deleted by another one, a day later.
  - The process ends by itself when its O(operation) has ended or died, and at the latest when its O(lifetime) is over.
  - Measuring counts as no change, since it leaves nothing behind.
requirements:
  - psycopg >= 3.1
options:
  state:
    description:
      - V(started) returns when each client had its first success, or fails and names the endpoint that was silent.
      - V(stopped) ends the measuring and returns its result. A run that is not there is no failure.
    type: str
    choices: [started, stopped]
    default: started
  run:
    description:
      - Name of the measuring, by which it is stopped. Up to 64 letters, digits, dots, underscores and hyphens.
      - Starting what runs already changes nothing.
    type: str
    required: true
  endpoints:
    description:
      - The endpoints by name, each with C(hosts), C(port), C(mode) and C(persistent).
      - C(mode) is V(write) where the leader answers, else V(read).
      - C(persistent) is V(true) for clients that keep their connection, which is the default, and V(false) for those
        that connect for each statement.
    type: dict
    required: true
  user:
    description: Whom to log in as.
    type: str
    required: true
  password:
    description: That user's password. It is kept in memory alone.
    type: str
    required: true
  database:
    description: The database that has the table C(matriarch.probe_writes).
    type: str
    default: postgres
  ca_file:
    description: Path of the certificate authority that PostgreSQL's and PgBouncer's certificates are verified with.
    type: path
    required: true
  clients:
    description: How many clients use each endpoint.
    type: int
    default: 1
  interval_ms:
    description: Milliseconds from the start of a client's statement to the start of its next one. Gaps contain it.
    type: int
    default: 20
  lifetime:
    description:
      - Seconds after which the process is gone, whether it was stopped or not.
      - It measures until 25 seconds before that, or for half of a lifetime shorter than 50 seconds, and then reads the
        table back.
    type: int
    default: 900
  operation:
    description:
      - The operation that is measured (M(matriarch.pgcluster.operation_lock)). When etcd says that it has the cluster's
        lock no more, the measuring ends within ten seconds. While etcd does not answer, it goes on.
    type: dict
    suboptions:
      urls:
        description: Addresses of etcd's members.
        type: list
        elements: str
        required: true
      cluster:
        description: Name of the cluster that is locked.
        type: str
        required: true
      begun_at:
        description: Since when, as the lock tells it.
        type: str
        required: true
      client_cert:
        description: Path of a certificate that etcd accepts.
        type: path
      client_key:
        description: Path of its key.
        type: path
  wait:
    description: Seconds that each client has for its first success.
    type: float
    default: 15.0
attributes:
  check_mode:
    description: Does nothing, and returns a result without endpoints.
    support: full
  diff_mode:
    description: Nothing changes that a user would see.
    support: none
  idempotent:
    description: When run twice, the second run changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Watch the clients
  matriarch.pgcluster.client_probe: &probe
    run: switchover-42
    endpoints:
      pooled-rw: {hosts: [10.0.0.11, 10.0.0.12], port: 6432, mode: write}
      rw: {hosts: [10.0.0.11, 10.0.0.12], port: 5000, mode: write}
      ro: {hosts: [10.0.0.11, 10.0.0.12], port: 5001, mode: read, persistent: false}
    user: matriarch_probe
    password: "{{ probe_password }}"
    ca_file: /etc/matriarch/tls/ca.crt

- name: Hear what they felt
  matriarch.pgcluster.client_probe:
    <<: *probe
    state: stopped
  register: felt
"""

RETURN = r"""
run:
  description: Name of the measuring.
  returned: success
  type: str
found:
  description: Whether there is, or was, such a run on this host. After a reboot there is none.
  returned: success
  type: bool
died:
  description: Whether its process was gone before it was asked to stop, and so had no time to end in order.
  returned: success
  type: bool
problem:
  description: What keeps the result from being complete, in words, or null.
  returned: success
  type: str
began_at:
  description: When it was started, in UTC; null where there is no result.
  returned: success
  type: str
  sample: "2026-01-02T03:04:05.678Z"
seconds:
  description: How long it measured.
  returned: success
  type: float
endpoints:
  description: What the clients felt, by endpoint. Empty where nothing was measured, and when it is started.
  returned: success
  type: dict
  contains:
    write_gap_ms:
      description:
        - The longest time between two acknowledged writes of one client, and from the last one to the end.
        - Null for readers, and where nothing was ever acknowledged.
      type: float
    read_gap_ms:
      description: The same for reads. Null for writers.
      type: float
    gap_began_at:
      description: When that longest gap began, in UTC, or null.
      type: str
    acknowledged:
      description: How many statements were acknowledged.
      type: int
    unknown:
      description: How many writes nobody acknowledged or denied, since the connection was lost meanwhile.
      type: int
    errors:
      description: How many errors the clients saw, after the first success of each.
      type: int
    error_samples:
      description: The first of them, three at most.
      type: list
      elements: str
    lost_acknowledged:
      description: How many acknowledged rows are not there. Null for readers, and where they could not be read back.
      type: int
    doubled:
      description: How many rows were written twice. Null like RV(endpoints.lost_acknowledged).
      type: int
"""

import uuid
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.arguments import connections
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.sql import Login
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operation_store import Store
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.control import NOTHING, start, stop
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.folder import RUNS, RunFolder
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.job import Job, parse_endpoints
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.leash import Leash
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.session import SqlSession, check_library

ETCD_SECONDS = 3.0

ARGUMENTS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
    "run": {"type": "str", "required": True},
    "endpoints": {"type": "dict", "required": True},
    "user": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "database": {"type": "str", "default": "postgres"},
    "ca_file": {"type": "path", "required": True},
    "clients": {"type": "int", "default": 1},
    "interval_ms": {"type": "int", "default": 20},
    "lifetime": {"type": "int", "default": 900},
    "operation": {
        "type": "dict",
        "options": {
            "urls": {"type": "list", "elements": "str", "required": True},
            "cluster": {"type": "str", "required": True},
            "begun_at": {"type": "str", "required": True},
            "client_cert": {"type": "path"},
            "client_key": {"type": "path", "no_log": False},
        },
    },
    "wait": {"type": "float", "default": 15.0},
}


def job_of(params: Mapping[str, Any]) -> Job:
    """The options in the probe's terms. Raises MatriarchError."""
    for name in ("clients", "interval_ms", "lifetime"):
        if params[name] < 1:
            raise MatriarchError(f"'{name}' is {params[name]}: it must be at least 1")
    return Job(
        uuid=str(uuid.uuid4()),
        login=Login(params["user"], params["password"], params["database"], params["ca_file"]),
        endpoints=parse_endpoints(params["endpoints"]),
        clients=params["clients"],
        interval=params["interval_ms"] / 1000,
        lifetime=params["lifetime"],
    )


def leash_of(params: Mapping[str, Any]) -> Leash | None:
    """What ties the probe to its operation; None without one."""
    operation = params["operation"]
    if not operation:
        return None
    reached = connections({**operation, "ca_file": params["ca_file"], "timeout": ETCD_SECONDS})
    return Leash(Store(EtcdKeys(http) for http in reached), operation["cluster"], operation["begun_at"])


def run(params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Start or stop a probe. Raises MatriarchError."""
    job, folder = job_of(params), RunFolder(params["run"], RUNS)
    if check_mode:
        return {"run": params["run"], **NOTHING}
    check_library()
    if params["state"] == "stopped":
        return {"run": params["run"], **stop(job, folder, SqlSession)}
    start(job, folder, SqlSession, params["wait"], leash_of(params))
    return {"run": params["run"], **NOTHING, "found": True}


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        answer = run(module.params, module.check_mode)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()
