#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: endpoint_check
short_description: Prove a cluster's endpoints by writing and reading as a client
version_added: 0.1.0
author: [The Matriarch authors (@matriarch)]
description:
  - Connects to every endpoint with verified TLS, writes a token where writing is promised, and looks for that token
    through the endpoints for reading.
  - Tries again until everything is as promised or the time is over, so that it may follow right after a start.
  - The row is the host's own and is overwritten each time, so it counts as no change.
requirements:
  - psycopg >= 3.1
options:
  endpoints:
    description:
      - The endpoints by name, each with C(hosts), C(port) and C(expect).
      - C(expect) is V(leader) (the token is written through it), V(replica) or V(any) (the token shall be seen there).
    type: dict
    required: true
  user:
    description: Whom to log in as.
    type: str
    required: true
  password:
    description: That user's password.
    type: str
    required: true
  database:
    description: The database that has the table C(matriarch.probe).
    type: str
    default: postgres
  ca_file:
    description: Path of the certificate authority that PostgreSQL's and PgBouncer's certificates are verified with.
    type: path
    required: true
  host:
    description: Under whose name the token is written.
    type: str
    required: true
  timeout:
    description: Seconds until the attempt is given up.
    type: float
    default: 30.0
extends_documentation_fragment:
  - matriarch.pgcluster.reads_only
"""

EXAMPLES = r"""
- name: Prove the endpoints
  matriarch.pgcluster.endpoint_check:
    endpoints:
      rw: {hosts: [10.0.0.11, 10.0.0.12], port: 5000, expect: leader}
      ro: {hosts: [10.0.0.11, 10.0.0.12], port: 5001, expect: replica}
    user: matriarch_probe
    password: "{{ probe_password }}"
    ca_file: /etc/matriarch/tls/ca.crt
    host: "{{ inventory_hostname }}"
"""

RETURN = r"""
endpoints:
  description: What each endpoint showed, by name.
  returned: success
  type: dict
  contains:
    server:
      description: Address of the PostgreSQL that answered.
      type: str
    in_recovery:
      description: Whether that is a replica.
      type: bool
    milliseconds:
      description: From the start of the connection to the last answer.
      type: float
    problem:
      description: How this differs from what the endpoint promises, null where it does not.
      type: str
waited_seconds:
  description: How long it took until everything was as promised.
  returned: success
  type: float
"""

import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.sql import Login, SqlClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until

ARGUMENTS: dict[str, Any] = {
    "endpoints": {"type": "dict", "required": True},
    "user": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "database": {"type": "str", "default": "postgres"},
    "ca_file": {"type": "path", "required": True},
    "host": {"type": "str", "required": True},
    "timeout": {"type": "float", "default": 30.0},
}


@dataclass(frozen=True)
class Proof:
    """What an endpoint showed; `problem` says how that differs from what it promises."""

    server: str | None
    in_recovery: bool | None
    milliseconds: float
    problem: str | None


@dataclass(frozen=True)
class Probe:
    """A client that writes a token under a host's name, or only looks where *token* is None."""

    login: Login
    host: str
    token: str | None

    def prove(self, endpoints: Mapping[str, Mapping[str, Any]]) -> dict[str, Proof]:
        """Writers first, so that readers have something to see."""
        order = sorted(endpoints, key=lambda name: endpoints[name]["expect"] != "leader")
        return {name: self._prove_one(endpoints[name]) for name in order}

    def _prove_one(self, endpoint: Mapping[str, Any]) -> Proof:
        started = time.monotonic()
        server = in_recovery = None
        try:
            with SqlClient(endpoint["hosts"], int(endpoint["port"]), self.login) as sql:
                server, in_recovery = sql.server()
                problem = self._problem(sql, endpoint["expect"], in_recovery)
        except RemoteError as error:
            problem = str(error)
        return Proof(server, in_recovery, round((time.monotonic() - started) * 1000, 1), problem)

    def _problem(self, sql: SqlClient, expect: str, in_recovery: bool) -> str | None:
        if expect == "leader" and in_recovery:
            return "a replica answers where the leader should"
        if expect == "replica" and not in_recovery:
            return "the leader answers where a replica should"
        if self.token is None:
            return None
        if expect == "leader":
            sql.write_token(self.host, self.token)
        elif sql.read_token(self.host) != self.token:
            return "does not show yet what was written through the others"
        return None


def run(params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Prove all endpoints; raises DeadlineExceeded with each one's problem."""
    login = Login(params["user"], params["password"], params["database"], params["ca_file"])
    probe = Probe(login, params["host"], None if check_mode else str(uuid.uuid4()))
    outcome = wait_until(
        lambda: probe.prove(params["endpoints"]),
        lambda proofs: not any(proof.problem for proof in proofs.values()),
        seconds=params["timeout"],
    )
    proofs = {name: asdict(proof) for name, proof in outcome.last.items()}
    if not outcome.reached:
        told = "; ".join(f"{name}: {proof['problem']}" for name, proof in proofs.items() if proof["problem"])
        raise DeadlineExceeded(
            f"waited {outcome.seconds:.0f} s in vain for the endpoints: {told}. "
            "Next, on this host: journalctl -u haproxy -u 'pgbouncer@*' -n 50",
            endpoints=proofs,
        )
    return {"endpoints": proofs, "waited_seconds": round(outcome.seconds, 1)}


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
