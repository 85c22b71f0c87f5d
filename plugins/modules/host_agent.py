#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_agent
short_description: Lend an operation a hand on this host, for as long as it lasts
version_added: 0.1.0
author: [The Matriarch authors (@matriarch)]
description:
  - Starts an agent in the background and returns. The agent listens for one connection of one operation, does what
    that asks - hold a pooler's clients, tell HAProxy who leads, checkpoint, wait for a position - and is gone when
    the operation hangs up.
  - An operation that dies takes its connection with it; the agent then resumes what it had paused, and lets serve again
    what it had drained. Should the agent die as well, timers of systemd do the same.
  - An agent that still waits there for an operation which never came gives its place up. One that has its operation is
    waited for, for half a minute, since an operation may outlive its control node.
  - It obeys only holders of a certificate that O(ca_file) signed for one of O(peers), over TLS in both directions.
requirements:
  - psycopg >= 3.1
options:
  address:
    description: Address to listen at.
    type: str
    required: true
  port:
    description: Port to listen at.
    type: int
    required: true
  peers:
    description: Names of the hosts from which an operation may come, as their certificates state them.
    type: list
    elements: str
    required: true
  ca_file:
    description: Path of the PEM file with the certificate authority of the cluster.
    type: path
    required: true
  certificate:
    description: Path of this host's certificate.
    type: path
    required: true
  key:
    description: Path of its key.
    type: path
    required: true
  poolers:
    description: The admin sockets of this host's PgBouncers by pool, each with C(socket_directory) and C(port).
    type: dict
    default: {}
  haproxy_socket:
    description: Path of HAProxy's admin socket on this host, if it is a proxy.
    type: path
  postgres_socket_directory:
    description: Directory of PostgreSQL's socket on this host, if it has a member.
    type: path
  postgres_port:
    description: Port of that PostgreSQL.
    type: int
    default: 5432
  handover_mark:
    description: Path of the file by which Patroni's before_stop script knows a planned handover.
    type: path
    default: /run/patroni/handover
  patience:
    description: How long the agent waits for the operation, in seconds.
    type: float
    default: 60.0
attributes:
  check_mode:
    description: The agent then answers only questions that change nothing.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
  idempotent:
    description: The agent is gone when the operation is; nothing on the host changes.
    support: full
"""

EXAMPLES = r"""
- name: Lend the switchover a hand on every host
  matriarch.pgcluster.host_agent:
    address: "{{ pgcluster_address }}"
    port: 8010
    peers: [db1, db2, db3]
    ca_file: /etc/matriarch/tls/ca.crt
    certificate: /etc/matriarch/tls/host.crt
    key: /etc/matriarch/tls/host.key
    poolers:
      rw: {socket_directory: /run/pgbouncer-rw, port: 6432}
      ro: {socket_directory: /run/pgbouncer-ro, port: 6433}
    haproxy_socket: /run/haproxy/admin.sock
    postgres_socket_directory: /run/postgresql
"""

RETURN = r"""
pid:
  description: The agent's process id.
  returned: success
  type: int
duties:
  description: What it may be asked for.
  returned: success
  type: list
  elements: str
"""

import errno
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.daemon import detach
from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.member import MemberDuties
from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.proxy import ProxyDuties
from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.server import AgentServer, Duty, dismiss
from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.wire import Identity
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.haproxy import HaproxySocket
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.member_sql import MemberSql
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError

LOOKING = {"look", "pools", "flushed"}
PLACE_SECONDS = 30.0

ARGUMENTS: dict[str, Any] = {
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "peers": {"type": "list", "elements": "str", "required": True},
    "ca_file": {"type": "path", "required": True},
    "certificate": {"type": "path", "required": True},
    "key": {"type": "path", "required": True, "no_log": False},
    "poolers": {"type": "dict", "default": {}},
    "haproxy_socket": {"type": "path"},
    "postgres_socket_directory": {"type": "path"},
    "postgres_port": {"type": "int", "default": 5432},
    "handover_mark": {"type": "path", "default": "/run/patroni/handover"},
    "patience": {"type": "float", "default": 60.0},
}


def equip(params: dict[str, Any]) -> tuple[dict[str, Duty], Callable[[], None]]:
    """The duties that this host can do, and what puts things back afterwards."""
    duties: dict[str, Duty] = {}
    undo: list[Callable[[], None]] = []
    if params["postgres_socket_directory"]:
        sql = MemberSql(params["postgres_socket_directory"], params["postgres_port"])
        member = MemberDuties(sql, Path(params["handover_mark"]))
        duties |= member.all()
        undo.append(member.unmark)
    if params["haproxy_socket"]:
        proxy = ProxyDuties(consoles(params["poolers"]), HaproxySocket(params["haproxy_socket"]))
        duties |= proxy.all()
        undo.append(proxy.put_back)

    def put_back() -> None:
        with ExitStack() as steps:  # each of them, whatever the others do
            for step in undo:
                steps.callback(step)

    return duties, put_back


def consoles(poolers: dict[str, Any]) -> dict[str, tuple[str, int]]:
    """Directory and port of each pool's admin socket."""
    try:
        return {pool: (str(at["socket_directory"]), int(at["port"])) for pool, at in poolers.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise MatriarchError("each of 'poolers' needs a 'socket_directory' and a 'port', which is a number") from error


def take_place(params: dict[str, Any], identity: Identity) -> AgentServer:
    """Listen, as soon as the one before has left. Raises OSError where the place is not to be had."""
    address = (params["address"], params["port"])
    deadline = time.monotonic() + PLACE_SECONDS
    while True:
        try:
            return AgentServer(address, identity, params["peers"], params["patience"])
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise
        dismiss(address, identity)
        time.sleep(0.2)


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    try:
        duties, put_back = equip(params)
        identity = Identity(params["ca_file"], params["certificate"], params["key"])
        server = take_place(params, identity)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    except OSError as error:
        where = f"{params['address']}:{params['port']}"
        module.fail_json(msg=f"listening at {where}: {error}. Next: see whose it is with: ss -ltnp")
    if module.check_mode:
        duties = {name: duty for name, duty in duties.items() if name in LOOKING}
    pid = detach(lambda: server.serve(duties, put_back))
    module.exit_json(changed=False, pid=pid, duties=sorted(duties))


if __name__ == "__main__":
    main()
